"""Rankings and the calendar of the days for which the API has one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import class_row

from chartline.errors import RankingIncomplete
from chartline.soundcharts.entries import Entries
from chartline.soundcharts.models import RankingItem, RankingPage
from chartline.warehouse import charts, tracks
from chartline.warehouse.connect import Connection
from chartline.warehouse.merge import merge, replace
from chartline.warehouse.tables import CHART_CALENDAR, CHART_RANKING, CHART_RANKING_ENTRY


@dataclass(frozen=True)
class StoredRanking:
    """What storing a ranking came to. `entries`: rows it holds now; `created`: false when the day was there already."""

    ranking_id: int
    day: date
    created: bool
    entries: int
    tracks_created: int
    tracks_updated: int


@dataclass(frozen=True)
class RankingRow:
    """A stored ranking. `total`: what the API says it holds, rows listed twice counted once; `left_chart`: rows at
    position 0, counted but not kept."""

    id: int
    day: date
    stamp: str
    total: int
    entries: int
    left_chart: int
    fetched_at: datetime


@dataclass(frozen=True)
class FetchedRanking:
    """One ranking as it came: all its pages, and when."""

    pages: Sequence[RankingPage]
    fetched_at: datetime


def store(conn: Connection, chart_id: int, pages: Sequence[RankingPage], fetched_at: datetime) -> StoredRanking:
    """Stores one ranking whole: as `store_all` does."""
    check(pages)
    return store_all(conn, chart_id, [FetchedRanking(pages, fetched_at)])[0]


def check(pages: Sequence[RankingPage]) -> None:
    """Raises RankingIncomplete when the pages do not add up to the API's total or are not of one ranking."""
    first = _checked(pages)
    entries = _entries(pages)
    if not entries.are_whole(first.page.total):
        left = len(entries.items) - len(entries.charted)
        raise RankingIncomplete(
            f"The ranking of {first.chart.slug} of {first.date} has {len(entries.charted)} entries, {left} rows that "
            f"left the chart and {entries.doubles} that came twice, but the API says {first.page.total}; nothing was "
            "stored.",
            advice="Run it again; if it stays short, look at its raw answer.",
        )


def store_all(conn: Connection, chart_id: int, fetched: Sequence[FetchedRanking]) -> list[StoredRanking]:
    """Stores rankings of one chart, whole and checked: chart, tracks, rankings, entries, in the caller's transaction.

    fetched: of different days, each passed by `check` before. One merge a table for all of them. The entries replace
    those stored before. Rows at position 0 have left the chart: they are counted, not kept. Raises ValueError for
    pages of another chart. Returns what became of each, in order; tracks count with the first.
    """
    if not fetched:
        return []
    newest = max(fetched, key=lambda one: one.fetched_at).pages[0]
    if any(page.chart.slug != newest.chart.slug for one in fetched for page in one.pages) or (
        charts.upsert_chart(conn, newest.chart) != chart_id
    ):
        raise ValueError(f"the pages are of {newest.chart.slug}, which is not chart {chart_id}")
    kept = [_entries(one.pages).charted for one in fetched]
    stored_tracks = tracks.store_light(conn, [item.song for items in kept for item in items])
    before = {day for day, _ in _ids(conn, chart_id, [one.pages[0].date for one in fetched])}
    merge(conn, CHART_RANKING, [_row(chart_id, one, items) for one, items in zip(fetched, kept, strict=True)])
    ids = dict(_ids(conn, chart_id, [one.pages[0].date for one in fetched]))
    empty = [ids[one.pages[0].date] for one, items in zip(fetched, kept, strict=True) if not items]
    if empty:  # an empty list of entries takes nothing away by itself
        conn.execute("delete from chartline.chart_ranking_entry where ranking_id = any(%s)", [empty])
    entries = (_entry(ids[one.pages[0].date], item) for one, items in zip(fetched, kept, strict=True) for item in items)
    replace(conn, CHART_RANKING_ENTRY, ("ranking_id",), entries)
    return [
        StoredRanking(
            ids[day := one.pages[0].date],
            day,
            day not in before,
            len(items),
            stored_tracks.created if number == 0 else 0,
            stored_tracks.updated if number == 0 else 0,
        )
        for number, (one, items) in enumerate(zip(fetched, kept, strict=True))
    ]


def _ids(conn: Connection, chart_id: int, days: list[date]) -> list[tuple[date, int]]:
    return conn.execute(
        "select day, id from chartline.chart_ranking where chart_id = %s and day = any(%s)", [chart_id, days]
    ).fetchall()


def _row(chart_id: int, one: FetchedRanking, kept: Sequence[RankingItem]) -> dict[str, Any]:
    first, entries = one.pages[0], _entries(one.pages)
    return {
        "chart_id": chart_id,
        "day": first.date,
        "stamp": first.stamp,
        "total": entries.total(first.page.total),
        "entries": len(kept),
        "left_chart": len(entries.items) - len(kept),
        "fetched_at": one.fetched_at,
    }


def _entries(pages: Sequence[RankingPage]) -> Entries:
    return Entries.of(page.items for page in pages)


def find(conn: Connection, chart_id: int, day: date) -> RankingRow | None:
    """The stored ranking of that chart and day."""
    with conn.cursor(row_factory=class_row(RankingRow)) as cursor:
        return cursor.execute(
            "select id, day, stamp, total, entries, left_chart, fetched_at from chartline.chart_ranking"
            " where chart_id = %s and day = %s",
            [chart_id, day],
        ).fetchone()


def whole(conn: Connection, chart_id: int, days: Iterable[date]) -> dict[date, RankingRow]:
    """Those of `days` whose ranking is stored with all its entries: one that was cut is not here."""
    with conn.cursor(row_factory=class_row(RankingRow)) as cursor:
        rows = cursor.execute(
            """select id, day, stamp, total, entries, left_chart, fetched_at from chartline.chart_ranking r
               where chart_id = %s and day = any(%s)
                 and entries = (select count(*) from chartline.chart_ranking_entry e where e.ranking_id = r.id)""",
            [chart_id, list(days)],
        )
        return {row.day: row for row in rows}


def oldest(conn: Connection, chart_id: int) -> date | None:
    """The oldest day whose ranking is stored."""
    row = conn.execute("select min(day) from chartline.chart_ranking where chart_id = %s", [chart_id]).fetchone()
    return row[0] if row else None


def newest(conn: Connection, chart_id: int, before: date | None = None) -> date | None:
    """The newest day whose ranking is stored, or the newest one before a day."""
    row = conn.execute(
        "select max(day) from chartline.chart_ranking where chart_id = %s and day < coalesce(%s, 'infinity'::date)",
        [chart_id, before],
    ).fetchone()
    return row[0] if row else None


def store_calendar(
    conn: Connection,
    chart_id: int,
    stamps: Iterable[str],
    seen_at: datetime | None = None,
    not_yet: Mapping[date, datetime] | None = None,
) -> int:
    """Adds the days for which the API has a ranking; returns how many were not known yet.

    stamps: the API's own texts (`2026-03-01T12:00:00+00:00`). The day is the text's, before any zone. Of two stamps on
    one day the later one counts. seen_at: when they were found, for days not known before; default: now, by the
    database's clock. not_yet: when a day was last asked for too early.
    """
    seen = {"first_seen_at": seen_at} if seen_at else {}
    rows = [
        {
            "chart_id": chart_id,
            "day": (day := date.fromisoformat(stamp[:10])),
            "stamp": stamp,
            "not_yet_at": (not_yet or {}).get(day),
            **seen,
        }
        for stamp in sorted(stamps)
    ]
    return merge(conn, CHART_CALENDAR, rows).created


def stamps(conn: Connection, chart_id: int, first: date, last: date, *, beside: int = 0) -> dict[date, str]:
    """The API's own texts for its rankings from `first` to `last`, as far as the calendar knows, by day, sorted; and
    those of so many days before and after (`beside`)."""
    rows = conn.execute(
        """(select day, stamp from chartline.chart_calendar
            where chart_id = %(chart)s and day < %(first)s order by day desc limit %(beside)s)
           union all
           (select day, stamp from chartline.chart_calendar
            where chart_id = %(chart)s and day between %(first)s and %(last)s)
           union all
           (select day, stamp from chartline.chart_calendar
            where chart_id = %(chart)s and day > %(last)s order by day limit %(beside)s)
           order by day""",
        {"chart": chart_id, "first": first, "last": last, "beside": beside},
    )
    return dict(rows.fetchall())


def newest_listed(conn: Connection, chart_id: int, count: int) -> list[date]:
    """The newest days of the calendar, newest first."""
    rows = conn.execute(
        "select day from chartline.chart_calendar where chart_id = %s order by day desc limit %s", [chart_id, count]
    )
    return [day for (day,) in rows]


def calendar_size(conn: Connection, chart_id: int) -> int:
    """How many days the calendar holds."""
    row = conn.execute("select count(*) from chartline.chart_calendar where chart_id = %s", [chart_id]).fetchone()
    return int(row[0]) if row else 0


def nearest_days(conn: Connection, chart_id: int, day: date, count: int = 3) -> list[date]:
    """The calendar's days nearest to `day`, in order of time."""
    rows = conn.execute(
        "select day from (select day from chartline.chart_calendar where chart_id = %(chart)s"
        " order by abs(day - %(day)s::date), day limit %(count)s) as near order by day",
        {"chart": chart_id, "day": day, "count": count},
    )
    return [near for (near,) in rows]


def _checked(pages: Sequence[RankingPage]) -> RankingPage:
    """The first page, when all are of the same ranking."""
    if not pages:
        raise RankingIncomplete("A ranking without any page; nothing was stored.", advice="Run it again.")
    first = pages[0]
    seen = {(page.chart.slug, page.date, page.page.total) for page in pages}
    if len(seen) > 1:
        shown = "; ".join(f"{slug} of {day}, total {total}" for slug, day, total in sorted(seen))
        raise RankingIncomplete(
            f"The pages are not of one ranking ({shown}); nothing was stored.", advice="Run it again."
        )
    return first


def _entry(ranking_id: int, item: RankingItem) -> dict[str, Any]:
    return {
        "ranking_id": ranking_id,
        "position": item.position,
        "track": item.song.uuid,
        "old_position": item.old_position,
        "position_evolution": item.position_evolution,
        "entry_date": item.entry_date,
        "entry_date_precision": _unless_day(item.entry_date_precision),
        "entry_state": item.entry_state,
        "rank_date": item.rank_date,
        "rank_date_precision": _unless_day(item.rank_date_precision),
        "time_on_chart": item.time_on_chart,
        "time_on_chart_unit": item.time_on_chart_unit,
        "metric": item.metric,
    }


def _unless_day(precision: str | None) -> str | None:
    """Null where the day is known, as it nearly always is: that takes no room."""
    return None if precision == "day" else precision
