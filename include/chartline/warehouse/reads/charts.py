"""Charts for people: lists of the catalogue and of what is followed, a chart's days and rankings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, LiteralString

from psycopg import sql
from psycopg.rows import class_row

from chartline.warehouse.connect import Connection
from chartline.warehouse.run_status import GOOD

NEWEST_RUNS = 20
"""Ended runs of a chart that its success rate is made of."""


@dataclass(frozen=True)
class ChartFilter:
    """Which charts a list holds; what is None does not matter. `text`: every word of it is in slug, name, country or
    city; `country` "" means worldwide; `slugs`: only, or (`but`) all but these."""

    text: str = ""
    platform: str | None = None
    country: str | None = None
    frequency: str | None = None
    followed: bool | None = None
    active: bool | None = None
    slugs: Sequence[str] | None = None
    but: Sequence[str] = ()


@dataclass(frozen=True)
class ListedChart:
    """One line of a list. `schedule_id` and `is_active` are None where nobody follows the chart; `newest` is the day of
    its newest stored ranking, `entries` its size; `runs` the newest runs that ended, `good` those that went well;
    `last_*` tell of its newest run."""

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
    schedule_id: int | None
    is_active: bool | None
    sync_frequency: str | None
    newest: date | None
    entries: int | None
    runs: int
    good: int
    last_id: int | None
    last_status: str | None
    last_started: datetime | None
    last_finished: datetime | None
    last_error: str | None
    last_success: datetime | None


SORTS: dict[str, LiteralString] = {
    "name": "lower(c.name)",
    "slug": "c.slug",
    "platform": "c.platform",
    "country": "c.country_name",
    "frequency": "c.frequency",
    "followed": "(s.id is not null)",
}

OF_RUNS: dict[str, LiteralString] = {
    "last_sync": """coalesce((
        select started_at from chartline.chart_sync_execution where chart_slug = c.slug
        order by started_at desc, id desc limit 1), '-infinity')""",
    "success_rate": f"""coalesce((
        select avg((status in {GOOD})::int) from (
            select status from chartline.chart_sync_execution where chart_slug = c.slug and status <> 'running'
            order by started_at desc, id desc limit %(runs)s) as newest), -1)""",
}
"""What lists can be sorted by as well, where they are not of the whole catalogue: a look at the runs of each chart."""

_WHERE: tuple[tuple[str, LiteralString], ...] = (
    ("platform", "c.platform = %(platform)s"),
    ("country", "c.country_code = %(country)s"),
    ("frequency", "c.frequency = %(frequency)s"),
    ("followed", "s.id is not null"),
    ("not_followed", "s.id is null"),
    ("active", "s.is_active = %(active)s"),
    ("slugs", "c.slug = any(%(slugs)s)"),
    ("but", "c.slug <> all(%(but)s)"),
    (
        "words",
        """not exists (
          select from unnest(%(words)s::text[]) as word
          where strpos(lower(concat_ws(' ', c.slug, c.name, c.country_name, c.city_name)), word) = 0)""",
    ),
)


def _from(values: dict[str, Any]) -> LiteralString:
    """The charts that are wanted. Only what is asked for stands in it, so that it is planned for just that."""
    tests: LiteralString = "".join(f" and {test}" for name, test in _WHERE if values[name] is not None)
    return f" from chartline.chart c left join chartline.chart_sync_schedule s on s.chart_id = c.id where true{tests}"


_LINES: LiteralString = """
    select c.id, c.slug, c.name, c.platform, c.frequency, c.country_code, c.country_name, c.city_name, c.capacity,
           c.web_url, c.metric_type, c.schedule_id, c.is_active, c.sync_frequency, ranking.day as newest,
           ranking.entries, runs.ended as runs, runs.good, last.id as last_id, last.status as last_status,
           last.started_at as last_started, last.finished_at as last_finished, last.error as last_error,
           runs.last_success
    from (
        select c.*, page.place, s.id as schedule_id, s.is_active, s.sync_frequency
        from (
            select c.id, row_number() over (order by {sort} {way}, c.slug) as place {from_}
            order by {sort} {way}, c.slug limit %(limit)s offset %(offset)s
        ) page
        join chartline.chart c on c.id = page.id
        left join chartline.chart_sync_schedule s on s.chart_id = c.id
    ) c
    left join lateral (
        select day, entries from chartline.chart_ranking where chart_id = c.id order by day desc limit 1
    ) ranking on true
    left join lateral (
        select id, status, started_at, finished_at, error from chartline.chart_sync_execution
        where chart_slug = c.slug order by started_at desc, id desc limit 1
    ) last on true
    cross join lateral (
        select count(*)::int as ended, (count(*) filter (where status in {good}))::int as good,
               max(finished_at) filter (where status in {good}) as last_success
        from (
            select status, finished_at from chartline.chart_sync_execution
            where chart_slug = c.slug and status <> 'running' order by started_at desc, id desc limit %(runs)s
        ) newest
    ) runs
    order by c.place
"""


def count(conn: Connection, wanted: ChartFilter) -> int:
    """How many charts there are of these."""
    values = _values(wanted)
    row = conn.execute("select count(*)" + _from(values), values).fetchone()
    assert row is not None
    return int(row[0])


def slugs(conn: Connection, wanted: ChartFilter) -> list[str]:
    """The slugs of these charts, all of them, in their order."""
    values = _values(wanted)
    return [slug for (slug,) in conn.execute("select c.slug" + _from(values) + " order by c.slug", values)]


def lines(
    conn: Connection, wanted: ChartFilter, *, sort: str = "name", down: bool = False, limit: int = 50, offset: int = 0
) -> list[ListedChart]:
    """A page of them. sort: one of `SORTS` or `OF_RUNS`; ties are in the order of slugs."""
    values = _values(wanted) | {"limit": limit, "offset": offset, "runs": NEWEST_RUNS}
    query = sql.SQL(_LINES).format(
        sort=sql.SQL((SORTS | OF_RUNS)[sort]),
        way=sql.SQL("desc" if down else "asc"),
        from_=sql.SQL(_from(values)),
        good=sql.SQL(GOOD),
    )
    with conn.cursor(row_factory=class_row(ListedChart)) as cursor:
        return cursor.execute(query, values).fetchall()


def _values(wanted: ChartFilter) -> dict[str, Any]:
    """What is not wanted is None."""
    return {
        "words": wanted.text.lower().split() or None,
        "platform": wanted.platform,
        "country": wanted.country,
        "frequency": wanted.frequency,
        "followed": wanted.followed or None,
        "not_followed": True if wanted.followed is False else None,
        "active": wanted.active,
        "slugs": None if wanted.slugs is None else list(wanted.slugs),
        "but": list(wanted.but) or None,
    }


@dataclass(frozen=True)
class Coverage:
    """Days of one chart in a range: `listed` in Soundcharts, `missing` of them here."""

    listed: int
    missing: int


def coverage(conn: Connection, ranges: dict[str, tuple[date, date]]) -> dict[str, Coverage]:
    """By slug, how complete charts are within (first day, last day). Days that Soundcharts refused count as not listed.

    One query; reads the calendars of these charts only. Short rankings count as here: see the calendar of a chart.
    """
    rows = conn.execute(
        r"""select w.slug, listed.n - refused.n, listed.n - here.n - refused.n
           from unnest(%(slugs)s::text[], %(firsts)s::date[], %(lasts)s::date[]) as w (slug, first, last)
           join chartline.chart c on c.slug = w.slug
           cross join lateral (
               select count(*)::int as n from chartline.chart_calendar
               where chart_id = c.id and day between w.first and w.last
           ) listed
           cross join lateral (
               select count(*)::int as n from chartline.chart_ranking r
               where r.chart_id = c.id and r.day between w.first and w.last and exists (
                   select from chartline.chart_calendar where chart_id = c.id and day = r.day)
           ) here
           cross join lateral (
               select count(*)::int as n
               from (select case when facet ~ '^\d{4}-\d\d-\d\d$' then facet::date end as day
                     from chartline.fetch_ledger
                     where resource = 'ranking' and entity = c.slug and outcome = 'absent' and due_at > now()) absent
               join chartline.chart_calendar of_day on of_day.chart_id = c.id and of_day.day = absent.day
               where absent.day between w.first and w.last and not exists (
                   select from chartline.chart_ranking r where r.chart_id = c.id and r.day = absent.day)
           ) refused""",
        {
            "slugs": list(ranges),
            "firsts": [first for first, _ in ranges.values()],
            "lasts": [last for _, last in ranges.values()],
        },
    )
    return {slug: Coverage(listed, missing) for slug, listed, missing in rows}


@dataclass(frozen=True)
class StoredDay:
    """A stored ranking: rows it was stored with, rows that are here, what the API said it holds."""

    day: date
    entries: int
    here: int
    total: int
    left_chart: int
    fetched_at: datetime


def stored(conn: Connection, chart_id: int, first: date, last: date) -> list[StoredDay]:
    """The rankings of a chart from `first` to `last`, in order of time."""
    with conn.cursor(row_factory=class_row(StoredDay)) as cursor:
        return cursor.execute(
            """select day, entries, total, left_chart, fetched_at, (
                   select count(*) from chartline.chart_ranking_entry e where e.ranking_id = r.id)::int as here
               from chartline.chart_ranking r where chart_id = %s and day between %s and %s order by day""",
            [chart_id, first, last],
        ).fetchall()


@dataclass(frozen=True)
class KnownDays:
    """First and last day of a chart's calendar, and of its stored rankings; None where there are none."""

    listed_first: date | None
    listed_last: date | None
    stored_first: date | None
    stored_last: date | None


def span(conn: Connection, chart_id: int) -> KnownDays:
    """How far a chart's days reach."""
    row = conn.execute(
        """select (select min(day) from chartline.chart_calendar where chart_id = %(id)s),
                  (select max(day) from chartline.chart_calendar where chart_id = %(id)s),
                  (select min(day) from chartline.chart_ranking where chart_id = %(id)s),
                  (select max(day) from chartline.chart_ranking where chart_id = %(id)s)""",
        {"id": chart_id},
    ).fetchone()
    assert row is not None
    return KnownDays(*row)


@dataclass(frozen=True)
class RankingHead:
    """A stored ranking and its neighbours: the stored ones before (`before_id`) and after it."""

    id: int
    day: date
    total: int
    entries: int
    left_chart: int
    fetched_at: datetime
    before_id: int | None
    before: date | None
    after: date | None


def head(conn: Connection, chart_id: int, day: date | None) -> RankingHead | None:
    """The stored ranking of that day, or the newest; None where there is none."""
    with conn.cursor(row_factory=class_row(RankingHead)) as cursor:
        return cursor.execute(
            """select r.id, r.day, r.total, r.entries, r.left_chart, r.fetched_at, before.id as before_id,
                      before.day as before, after.day as after
               from (select * from chartline.chart_ranking
                     where chart_id = %(chart)s and (%(day)s::date is null or day = %(day)s)
                     order by day desc limit 1) r
               left join lateral (
                   select id, day from chartline.chart_ranking where chart_id = %(chart)s and day < r.day
                   order by day desc limit 1) before on true
               left join lateral (
                   select day from chartline.chart_ranking where chart_id = %(chart)s and day > r.day
                   order by day limit 1) after on true""",
            {"chart": chart_id, "day": day},
        ).fetchone()


@dataclass(frozen=True)
class RankedTrack:
    """One place of a ranking, as stored. `before`: its place in the stored ranking before, None where it had none;
    `artists`: uuid and name, in the API's order."""

    position: int
    track: str
    name: str
    credit_name: str | None
    image_url: str | None
    old_position: int | None
    position_evolution: int | None
    before: int | None
    entry_date: date | None
    entry_date_precision: Literal["month", "year"] | None
    entry_state: str | None
    time_on_chart: int | None
    time_on_chart_unit: str | None
    metric: int | None
    artists: list[dict[str, str]]


_ARTISTS: LiteralString = """
    (select coalesce(jsonb_agg(jsonb_build_object('uuid', a.uuid, 'name', a.name) order by link.position), '[]')
     from chartline.track_artist link join chartline.artist a on a.uuid = link.artist where link.track = t.uuid)
"""


def entries(conn: Connection, ranking: RankingHead, *, limit: int, offset: int = 0) -> list[RankedTrack]:
    """A page of the ranking, from its first place on."""
    with conn.cursor(row_factory=class_row(RankedTrack)) as cursor:
        return cursor.execute(
            f"""select e.position, e.track::text, t.name, t.credit_name, t.image_url, e.old_position,
                       e.position_evolution, before.position as before, e.entry_date, e.entry_date_precision,
                       e.entry_state, e.time_on_chart, e.time_on_chart_unit, e.metric, {_ARTISTS} as artists
                from (select * from chartline.chart_ranking_entry where ranking_id = %(id)s
                      order by position, track limit %(limit)s offset %(offset)s) e
                join chartline.track t on t.uuid = e.track
                left join (
                    select track, min(position) as position from chartline.chart_ranking_entry
                    where ranking_id = %(before)s group by track) before on before.track = e.track
                order by e.position, e.track""",
            {"id": ranking.id, "before": ranking.before_id, "limit": limit, "offset": offset},
        ).fetchall()


@dataclass(frozen=True)
class LeftTrack:
    """A track of the ranking before that is not in this one; `position`: where it was."""

    position: int
    track: str
    name: str
    credit_name: str | None
    image_url: str | None
    artists: list[dict[str, str]]


def left(conn: Connection, ranking: RankingHead, *, limit: int, offset: int = 0) -> tuple[list[LeftTrack], int]:
    """Who left since the stored ranking before, by their last place: a page of them, and how many there are."""
    gone: LiteralString = """
        from chartline.chart_ranking_entry e where e.ranking_id = %(before)s and not exists (
            select from chartline.chart_ranking_entry now where now.ranking_id = %(id)s and now.track = e.track)
    """
    values = {"id": ranking.id, "before": ranking.before_id, "limit": limit, "offset": offset}
    row = conn.execute("select count(distinct e.track)" + gone, values).fetchone()
    with conn.cursor(row_factory=class_row(LeftTrack)) as cursor:
        rows = cursor.execute(
            f"""select g.position, t.uuid::text as track, t.name, t.credit_name, t.image_url, {_ARTISTS} as artists
                from (select e.track, min(e.position) as position {gone} group by e.track
                      order by 2, 1 limit %(limit)s offset %(offset)s) g
                join chartline.track t on t.uuid = g.track order by g.position, g.track""",
            values,
        ).fetchall()
    assert row is not None
    return rows, int(row[0])


def track_count(conn: Connection, chart_id: int) -> int:
    """How many distinct tracks the chart's newest stored ranking holds; 0 without one."""
    row = conn.execute(
        """select count(distinct track) from chartline.chart_ranking_entry where ranking_id = (
               select id from chartline.chart_ranking where chart_id = %s order by day desc limit 1)""",
        [chart_id],
    ).fetchone()
    assert row is not None
    return int(row[0])


@dataclass(frozen=True)
class Facet:
    """A value of the catalogue that lists can be narrowed to, and how many charts have it."""

    value: str
    name: str
    charts: int


def facets(conn: Connection, of: Literal["platform", "country", "frequency"]) -> list[Facet]:
    """The platforms, countries or frequencies of the catalogue, by name."""
    columns: dict[str, tuple[LiteralString, LiteralString]] = {
        "platform": ("c.platform", "coalesce((select name from chartline.platform where code = c.platform), '')"),
        "country": ("c.country_code", "max(c.country_name)"),
        "frequency": ("c.frequency", "c.frequency"),
    }
    value, name = columns[of]
    with conn.cursor(row_factory=class_row(Facet)) as cursor:
        return cursor.execute(
            f"select {value} as value, {name} as name, count(*)::int as charts from chartline.chart c"
            " group by 1 order by 2, 1"
        ).fetchall()
