"""Charts as people look at them: lists with state and completeness, a chart's days, a ranking with what moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Literal

from pydantic import BaseModel

from chartline.domain import due_days
from chartline.errors import BadInput
from chartline.gaps import audit as gap
from chartline.operating.conditions import followed
from chartline.operating.conditions.followed import Followed, State
from chartline.schedules import service
from chartline.settings import Settings
from chartline.warehouse.charts import ChartRow
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import charts, gaps
from chartline.warehouse.reads.charts import ChartFilter, KnownDays, ListedChart, RankedTrack, StoredDay

ALL = (date(1900, 1, 1), date(2999, 12, 31))


class LastRun(BaseModel):
    """The newest run of a chart."""

    id: int
    status: str
    started_at: datetime
    finished_at: datetime | None
    error: str | None


class ChartLine(BaseModel):
    """A chart in a list. `state`: not_followed, quarantined (its schedule cannot be used; `reason` says why), paused,
    overdue (`reason` says what it owes), active. `completeness`: share of the days that Soundcharts has and the
    schedule wants that are here, 0 to 1, None where nothing is known; `success_rate`: the complete and partial ones of
    the newest 20 runs that ended."""

    id: int
    slug: str
    name: str
    platform: str
    frequency: str
    country_code: str
    country_name: str
    city_name: str
    capacity: int | None
    web_url: str | None
    metric_type: str | None
    state: State
    reason: str = ""
    schedule_id: int | None
    sync_frequency: str | None
    newest: date | None
    entries: int | None
    listed: int | None
    missing: int | None
    completeness: float | None
    runs: int
    success_rate: float | None
    last_run: LastRun | None
    last_success: datetime | None
    next_sync: datetime | None


def find(
    conn: Connection,
    wanted: ChartFilter,
    settings: Settings,
    now: datetime,
    *,
    state: State | None = None,
    sort: str = "name",
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[ChartLine], int]:
    """A page of the charts that are wanted, and how many there are.

    sort: one of `reads.charts.SORTS`, with `-` before it the other way round. Six queries at the most; a `state` of
    followed charts looks at all that are followed. Raises BadInput for `sort`.
    """
    name = sort.removeprefix("-")
    if name not in charts.SORTS:
        raise BadInput(f"sort: {name!r} is none of {', '.join(charts.SORTS)}", field="sort")
    follows = followed.judge(conn, settings, now) if state not in (None, "not_followed") else None
    return page(conn, narrowed(wanted, state, follows), settings, now, sort, limit, offset, follows)


def page(
    conn: Connection,
    wanted: ChartFilter,
    settings: Settings,
    now: datetime,
    sort: str,
    limit: int,
    offset: int,
    follows: Mapping[str, Followed] | None = None,
) -> tuple[list[ChartLine], int]:
    """A page of the charts that are wanted, and how many there are. sort: as of `reads.charts.lines`, - before it;
    follows: all that are followed, where known."""
    total = charts.count(conn, wanted)
    down, name = sort.startswith("-"), sort.removeprefix("-")
    listed = charts.lines(conn, wanted, sort=name, down=down, limit=limit, offset=offset)
    return lines(conn, listed, settings, now, follows), total


def narrowed(wanted: ChartFilter, state: State | None, follows: Mapping[str, Followed] | None) -> ChartFilter:
    """Only the charts of a state. follows: all that are followed, for a state of these."""
    if state is None:
        return wanted
    if state == "not_followed":
        return replace(wanted, followed=False) if wanted.followed is None else _none_if(wanted, wanted.followed)
    having = [slug for slug, one in (follows or {}).items() if one.state == state]
    return replace(wanted, slugs=having)


def _none_if(wanted: ChartFilter, contradiction: bool) -> ChartFilter:
    return replace(wanted, slugs=[]) if contradiction else wanted


def lines(
    conn: Connection,
    listed: Sequence[ListedChart],
    settings: Settings,
    now: datetime,
    follows: Mapping[str, Followed] | None = None,
) -> list[ChartLine]:
    """These charts with their state and completeness. Four queries, however many they are; one where it is known how
    they are followed (`follows`)."""
    if follows is None:
        follows = followed.judge(conn, settings, now, [one.slug for one in listed if one.schedule_id is not None])
    covered = coverage(conn, [one.slug for one in listed], follows, now)
    return [_line(one, follows.get(one.slug), covered.get(one.slug)) for one in listed]


def coverage(
    conn: Connection, slugs: Sequence[str], follows: Mapping[str, Followed], now: datetime
) -> dict[str, charts.Coverage]:
    """How complete these charts are within what is wanted of them. One query."""
    return charts.coverage(conn, {slug: _wanted_days(follows.get(slug), now) for slug in slugs})


def _wanted_days(follow: Followed | None, now: datetime) -> tuple[date, date]:
    """The days that count for completeness: what the schedule wants, else all."""
    return gap.wanted(follow.schedule, now) if follow and follow.schedule else ALL


def _line(one: ListedChart, follow: Followed | None, covered: charts.Coverage | None) -> ChartLine:
    listed, missing = (covered.listed, covered.missing) if covered and covered.listed else (None, None)
    last = None
    if one.last_id is not None and one.last_started is not None:
        last = LastRun(
            id=one.last_id,
            status=str(one.last_status),
            started_at=one.last_started,
            finished_at=one.last_finished,
            error=one.last_error,
        )
    own = {name: getattr(one, name) for name in ChartLine.model_fields if hasattr(one, name)}
    return ChartLine(
        **own,
        state=follow.state if follow else "not_followed",
        reason=follow.reason if follow else "",
        listed=listed,
        missing=missing,
        completeness=share(covered),
        success_rate=round(one.good / one.runs, 3) if one.runs else None,
        last_run=last,
        next_sync=follow.next_sync if follow else None,
    )


def share(covered: charts.Coverage | None) -> float | None:
    """Of the days listed, those that are here; None where none is listed."""
    return round(1 - covered.missing / covered.listed, 4) if covered and covered.listed else None


class Chart(ChartLine):
    """One chart: its line, how far its days reach, and the tracks of its newest ranking."""

    metric_description: str | None
    source_first: date | None
    source_last: date | None
    stored_first: date | None
    stored_last: date | None
    tracks: int


def one(conn: Connection, slug: str, settings: Settings, now: datetime) -> Chart:
    """A chart of the catalogue, followed or not. Raises UnknownChart."""
    chart = known(conn, slug)
    line = lines(conn, charts.lines(conn, ChartFilter(slugs=[slug])), settings, now)[0]
    span = charts.span(conn, chart.id)
    return Chart(
        **line.model_dump(),
        metric_description=chart.metric_description,
        source_first=span.listed_first,
        source_last=span.listed_last,
        stored_first=span.stored_first,
        stored_last=span.stored_last,
        tracks=charts.track_count(conn, chart.id),
    )


def known(conn: Connection, slug: str) -> ChartRow:
    """The chart of the catalogue. Raises UnknownChart."""
    return service.find_chart(conn, slug)


# -- the ranking of a day --------------------------------------------------------------------------------------

Move = Literal["new", "re_entry", "up", "down", "same", "unknown"]


class Place(BaseModel):
    """One place of a ranking. `old_position` and `places` (climbed; below 0: fallen) as Soundcharts tells them, else by
    the stored ranking before; None where there is nothing to compare with. `entry_state`: Soundcharts' own word."""

    position: int
    track: str
    name: str
    credit_name: str | None
    artists: list[dict[str, str]]
    image_url: str | None
    move: Move
    old_position: int | None
    places: int | None
    entry_date: date | None
    entry_date_precision: Literal["month", "year"] | None
    """Where the date is known no further, and is its first day."""
    entry_state: str | None
    time_on_chart: int | None
    time_on_chart_unit: str | None
    metric: int | None


class TrackThatLeft(BaseModel):
    """A track that left; `position`: its last place."""

    position: int
    track: str
    name: str
    credit_name: str | None
    artists: list[dict[str, str]]
    image_url: str | None


class Ranking(BaseModel):
    """A stored ranking: a page of its places (`items` of `total`), and of who left since the stored one before
    (`left` of `left_total`). `source_total`: what the API said it holds; `whole`: whether all its rows are here.
    `before` and `after`: the stored days next to it."""

    chart: str
    day: date
    before: date | None
    after: date | None
    fetched_at: datetime
    source_total: int
    left_chart: int
    whole: bool
    items: list[Place]
    total: int
    limit: int
    offset: int
    next_offset: int | None
    left: list[TrackThatLeft]
    left_total: int


def ranking(conn: Connection, slug: str, day: date | None, *, limit: int = 200, offset: int = 0) -> Ranking | None:
    """The stored ranking of a day (None: the newest); None where there is none. Raises UnknownChart. Six queries."""
    chart = known(conn, slug)
    head = charts.head(conn, chart.id, day)
    if head is None:
        return None
    places = charts.entries(conn, head, limit=limit, offset=offset)
    gone, left_total = charts.left(conn, head, limit=limit, offset=offset)
    stored = charts.stored(conn, chart.id, head.day, head.day)
    here = stored[0].here if stored else 0
    end = offset + len(places)
    return Ranking(
        chart=slug,
        day=head.day,
        before=head.before,
        after=head.after,
        fetched_at=head.fetched_at,
        source_total=head.total,
        left_chart=head.left_chart,
        whole=here == head.entries,
        items=[_place(place, head.day, head.before is not None) for place in places],
        total=here,
        limit=limit,
        offset=offset,
        next_offset=end if places and end < here else None,
        left=[TrackThatLeft(**vars(track)) for track in gone],
        left_total=left_total,
    )


def _place(row: RankedTrack, day: date, compared: bool) -> Place:
    move, old = _move(row, day, compared)
    told = {name: value for name, value in vars(row).items() if name in Place.model_fields}
    places = old - row.position if old else None
    return Place(**told | {"move": move, "old_position": old, "places": places})


def _move(row: RankedTrack, day: date, compared: bool) -> tuple[Move, int | None]:
    """What became of a track, and where it was: by Soundcharts' old position, else by the stored ranking before."""
    old = row.old_position if row.old_position else row.before
    if old:
        return ("same" if old == row.position else "up" if old > row.position else "down"), old
    if row.old_position is None and not compared:
        return "unknown", None
    first = row.time_on_chart == 1 if row.time_on_chart is not None else None
    if row.entry_date is not None and (first is None or not first):
        first = row.entry_date >= day
    return ("re_entry" if first is False else "new"), None


# -- the days of a chart -----------------------------------------------------------------------------------------

DayState = Literal["stored", "short", "missing", "absent"]


class Day(BaseModel):
    """One day of a chart. `stored`; `short`: stored, and rows of it were lost; `missing`: in Soundcharts and not here;
    `absent`: not in Soundcharts, though the chart should have a ranking then. `entries`: rows that are here."""

    day: date
    state: DayState
    entries: int = 0
    total: int | None = None


class DayCounts(BaseModel):
    """Days by state; `listed`: those that Soundcharts has."""

    listed: int = 0
    stored: int = 0
    short: int = 0
    missing: int = 0
    absent: int = 0


class Calendar(BaseModel):
    """The days of a chart in a year; days of which nothing is to be said are left out. `first` and `last`: the days
    that are known of at all, in any year."""

    chart: str
    year: int
    first: date | None
    last: date | None
    days: list[Day]
    counts: DayCounts


class ChartMonth(DayCounts):
    """The days of a month (its first day)."""

    month: date


class Completeness(BaseModel):
    """A chart against its source. `wanted_first` and `wanted_last`: what its schedule asks for, None where nobody
    follows it; `wanted`: counts of those days alone. `counts` and `months`: of all days that are known of; `months` are
    the newest, at most `MONTHS`. `completeness`: whole rankings as a share of the days listed within what is wanted."""

    chart: str
    followed: bool
    history_held: bool
    wanted_first: date | None
    wanted_last: date | None
    wanted: DayCounts | None
    counts: DayCounts
    completeness: float | None
    months: list[ChartMonth]


MONTHS = 120


def calendar(conn: Connection, slug: str, year: int) -> Calendar:
    """A year of a chart, day by day. Raises UnknownChart. Five queries."""
    chart = known(conn, slug)
    span = charts.span(conn, chart.id)
    days = _days(conn, chart, date(year, 1, 1), date(year, 12, 31))
    first, last = _ends(span)
    return Calendar(chart=slug, year=year, first=first, last=last, days=days, counts=_counts(days))


def completeness(conn: Connection, slug: str, settings: Settings, now: datetime) -> Completeness:
    """What is here of a chart, by month. Raises UnknownChart. Eight queries."""
    chart = known(conn, slug)
    first, last = _ends(charts.span(conn, chart.id))
    follow = followed.judge(conn, settings, now, [slug]).get(slug)
    days = _days(conn, chart, first, last) if first and last else []
    asked = gap.wanted(follow.schedule, now) if follow and follow.schedule else None
    within = [day for day in days if asked[0] <= day.day <= asked[1]] if asked else days
    counted = _counts(within)
    by_month: dict[date, list[Day]] = {}
    for day in days:
        by_month.setdefault(day.day.replace(day=1), []).append(day)
    return Completeness(
        chart=slug,
        followed=follow is not None,
        history_held=bool(follow and follow.schedule and follow.schedule.history_held),
        wanted_first=asked[0] if asked else None,
        wanted_last=asked[1] if asked else None,
        wanted=counted if asked else None,
        counts=_counts(days),
        completeness=round((counted.listed - counted.missing - counted.short) / counted.listed, 4)
        if counted.listed
        else None,
        months=[
            ChartMonth(month=month, **_counts(of).model_dump()) for month, of in sorted(by_month.items())[-MONTHS:]
        ],
    )


def _ends(span: KnownDays) -> tuple[date | None, date | None]:
    firsts = [day for day in (span.listed_first, span.stored_first) if day]
    lasts = [day for day in (span.listed_last, span.stored_last) if day]
    return min(firsts, default=None), max(lasts, default=None)


def _days(conn: Connection, chart: ChartRow, first: date, last: date) -> list[Day]:
    """What is to be said of each day, in order of time, as the gap audit sees it."""
    listed = gaps.listed_days(conn, chart.id)
    refused, _ = gaps.refused_days(conn, chart.slug)
    stored: dict[date, StoredDay] = {day.day: day for day in charts.stored(conn, chart.id, first, last)}
    offered = [day for day in listed if day not in refused or day in stored]
    by_day = {day: Day(day=day, state="missing") for day in offered if first <= day <= last}
    by_day |= {
        day: Day(day=day, state="absent") for day in due_days.absent(chart.frequency, offered) if first <= day <= last
    }
    by_day |= {day: Day(day=day, state="absent") for day in refused if first <= day <= last}
    for day, one in stored.items():
        state: DayState = "stored" if one.here == one.entries else "short"
        by_day[day] = Day(day=day, state=state, entries=one.here, total=one.total)
    return [by_day[day] for day in sorted(by_day)]


def _counts(days: Sequence[Day]) -> DayCounts:
    by_state = {state: sum(day.state == state for day in days) for state in ("stored", "short", "missing", "absent")}
    listed = by_state["stored"] + by_state["short"] + by_state["missing"]
    return DayCounts(listed=listed, **by_state)


def this_year(now: datetime) -> int:
    """The year of yesterday: the newest that can have a ranking."""
    return (now - timedelta(days=1)).year
