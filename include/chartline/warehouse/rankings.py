"""Rankings and the calendar of the days for which the API has one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from chartline.errors import RankingIncomplete
from chartline.soundcharts.models import RankingItem, RankingPage
from chartline.warehouse import charts, tracks
from chartline.warehouse.merge import merge, replace
from chartline.warehouse.tables import CHART_CALENDAR, CHART_RANKING, CHART_RANKING_ENTRY

Connection = psycopg.Connection[Any]


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
    """A stored ranking. `total`: what the API says it holds; `left_chart`: rows at position 0, counted but not kept."""

    id: int
    day: date
    stamp: str
    total: int
    entries: int
    left_chart: int
    fetched_at: datetime


def store(conn: Connection, chart_id: int, pages: Sequence[RankingPage], fetched_at: datetime) -> StoredRanking:
    """Stores one ranking whole: chart, tracks, ranking, entries, in the caller's transaction.

    pages: all pages of one ranking. The entries replace those stored before. Rows at position 0 have left the chart:
    they are counted, not kept. Raises RankingIncomplete, before anything is written, when the pages do not add up to
    the API's total or are not of one ranking.
    """
    first = _checked(pages)
    items = {(item.position, item.song.uuid): item for page in pages for item in page.items}
    kept = [item for item in items.values() if item.position > 0]
    left_chart = len(items) - len(kept)
    # Whether the API's total counts the rows that left the chart is not known: either way the ranking is whole.
    if first.page.total not in (len(items), len(kept)):
        raise RankingIncomplete(
            f"The ranking of {first.chart.slug} of {first.date} has {len(kept)} entries and {left_chart} rows that "
            f"left the chart, but the API says {first.page.total}; nothing was stored.",
            advice="Run it again; if it stays short, look at its raw answer.",
        )
    if charts.upsert_chart(conn, first.chart) != chart_id:
        raise ValueError(f"the pages are of {first.chart.slug}, which is not chart {chart_id}")
    stored_tracks = tracks.store_light(conn, [item.song for item in kept])
    ranking = merge(
        conn,
        CHART_RANKING,
        [
            {
                "chart_id": chart_id,
                "day": first.date,
                "stamp": first.stamp,
                "total": first.page.total,
                "entries": len(kept),
                "left_chart": left_chart,
                "fetched_at": fetched_at,
            }
        ],
    )
    row = find(conn, chart_id, first.date)
    assert row is not None
    if not kept:  # an empty list of entries takes nothing away by itself
        conn.execute("delete from chartline.chart_ranking_entry where ranking_id = %s", [row.id])
    replace(conn, CHART_RANKING_ENTRY, ("ranking_id",), [_entry(row.id, item) for item in kept])
    return StoredRanking(
        row.id, first.date, bool(ranking.created), len(kept), stored_tracks.created, stored_tracks.updated
    )


def find(conn: Connection, chart_id: int, day: date) -> RankingRow | None:
    """The stored ranking of that chart and day."""
    with conn.cursor(row_factory=class_row(RankingRow)) as cursor:
        return cursor.execute(
            "select id, day, stamp, total, entries, left_chart, fetched_at from chartline.chart_ranking"
            " where chart_id = %s and day = %s",
            [chart_id, day],
        ).fetchone()


def known_days(conn: Connection, chart_id: int) -> set[date]:
    """The days whose ranking is stored."""
    found = conn.execute("select day from chartline.chart_ranking where chart_id = %s", [chart_id])
    return {day for (day,) in found}


def store_calendar(conn: Connection, chart_id: int, stamps: Iterable[str]) -> int:
    """Adds the days for which the API has a ranking; returns how many were not known yet.

    stamps: the API's own texts (`2026-03-01T12:00:00+00:00`). The day is the text's, before any zone. Of two stamps on
    one day the later one counts.
    """
    rows = [{"chart_id": chart_id, "day": date.fromisoformat(stamp[:10]), "stamp": stamp} for stamp in sorted(stamps)]
    return merge(conn, CHART_CALENDAR, rows).created


def stamp(conn: Connection, chart_id: int, day: date) -> str | None:
    """The API's own text for the ranking of that day, None when the calendar does not have it."""
    found = conn.execute(
        "select stamp from chartline.chart_calendar where chart_id = %s and day = %s", [chart_id, day]
    ).fetchone()
    return str(found[0]) if found else None


def nearest_days(conn: Connection, chart_id: int, day: date, count: int = 3) -> list[date]:
    """The calendar's days nearest to `day`, in order of time."""
    found = conn.execute(
        "select day from (select day from chartline.chart_calendar where chart_id = %(chart)s"
        " order by abs(day - %(day)s::date), day limit %(count)s) as near order by day",
        {"chart": chart_id, "day": day, "count": count},
    )
    return [near for (near,) in found]


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
        "entry_state": item.entry_state,
        "rank_date": item.rank_date,
        "time_on_chart": item.time_on_chart,
        "time_on_chart_unit": item.time_on_chart_unit,
        "metric": item.metric,
    }
