"""Audience series of tracks and artists, and airplay.

Each function takes the series of any number of things at once, `[(uuid, platform, items)]`, makes the months that are
missing, merges in the caller's transaction, and returns how many points are new or changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from psycopg import sql

from chartline.soundcharts.models import (
    ArtistAudienceItem,
    BroadcastGroup,
    ListeningItem,
    LocatedItem,
    LocatedPlot,
    SongAudienceItem,
)
from chartline.warehouse.connect import Connection
from chartline.warehouse.merge import MergeTable, merge, replace
from chartline.warehouse.partitions import ensure_months
from chartline.warehouse.tables import ARTIST_AUDIENCE, ARTIST_CITY_AUDIENCE, RADIO, TRACK_AIRPLAY, TRACK_AUDIENCE

Rows = list[dict[str, Any]]

COUNTERS = {  # metric: the API's counter
    "followers": "follower_count",
    "likes": "like_count",
    "following": "following_count",
    "posts": "post_count",
    "views": "view_count",
}
MONTHLY_LISTENERS = "monthly_listeners"


def store_track(conn: Connection, series: Iterable[tuple[str, str, Sequence[SongAudienceItem]]]) -> int:
    """Totals to date, one row for each of the track's identifiers on a day."""
    return _merge(
        conn,
        TRACK_AUDIENCE,
        [
            {"track": uuid, "platform": platform, "day": item.date, "identifier": plot.identifier, "value": plot.value}
            for uuid, platform, items in series
            for item in items
            for plot in item.plots
        ],
    )


def store_artist(conn: Connection, series: Iterable[tuple[str, str, Sequence[ArtistAudienceItem]]]) -> int:
    """Each counter that applies becomes a row of its metric (`COUNTERS`); null is no row."""
    return _merge(
        conn,
        ARTIST_AUDIENCE,
        [
            {"artist": uuid, "platform": platform, "metric": metric, "day": item.date, "value": value}
            for uuid, platform, items in series
            for item in items
            for metric, counter in COUNTERS.items()
            if (value := getattr(item, counter)) is not None
        ],
    )


def store_listening(conn: Connection, series: Iterable[tuple[str, str, Sequence[ListeningItem]]]) -> int:
    """Listeners of the month that ends on the day."""
    return _merge(
        conn,
        ARTIST_AUDIENCE,
        [
            {"artist": uuid, "platform": platform, "metric": MONTHLY_LISTENERS, "day": item.date, "value": item.value}
            for uuid, platform, items in series
            for item in items
        ],
    )


def store_located(
    conn: Connection, series: Iterable[tuple[str, str, Sequence[LocatedItem]]], *, metric: str = "followers"
) -> int:
    """Values everywhere, by city and by country (`metric`: followers or listeners), numbered as listed: names repeat.

    A day's cities, or countries, replace those stored before; a day that lists none takes none away.
    """
    rows = [row for uuid, platform, items in series for item in items for row in _places(uuid, platform, metric, item)]
    ensure_months(conn, ARTIST_CITY_AUDIENCE.name, {row["day"] for row in rows})
    return replace(conn, ARTIST_CITY_AUDIENCE, ("artist", "platform", "metric", "day", "place"), rows).written


def store_airplay(
    conn: Connection, groups: Iterable[tuple[str, date, date, BroadcastGroup]], *, table: MergeTable = TRACK_AIRPLAY
) -> int:
    """Plays of tracks, or of artists (`table`), by station over a window of whole days, both included:
    `(uuid, first, last, group)`."""
    groups, whose = list(groups), table.key[0]
    merge(conn, RADIO, [_radio(group) for *_, group in groups])
    return merge(
        conn,
        table,
        [
            {whose: uuid, "from_day": first, "to_day": last, "radio": group.radio.slug, "plays": group.play_count}
            for uuid, first, last, group in groups
        ],
    ).written


def clear_airplay(conn: Connection, windows: Iterable[tuple[str, date, date]], *, table: MergeTable) -> None:
    """Takes away the windows within these: `(uuid, first, last)`; they are read again."""
    asked = sorted(set(windows))
    if asked:
        conn.execute(
            sql.SQL(
                """delete from {table} a using unnest(%s::uuid[], %s::date[], %s::date[]) as w (whose, first, last)
                   where a.{whose} = w.whose and a.from_day >= w.first and a.to_day <= w.last"""
            ).format(table=sql.Identifier("chartline", table.name), whose=sql.Identifier(table.key[0])),
            [list(column) for column in zip(*asked, strict=True)],
        )


def _merge(conn: Connection, table: MergeTable, rows: Rows) -> int:
    ensure_months(conn, table.name, {row["day"] for row in rows})
    return merge(conn, table, rows).written


def _places(uuid: str, platform: str, metric: str, item: LocatedItem) -> Iterator[dict[str, Any]]:
    world = [LocatedPlot(value=item.value)] if item.value is not None else []
    for place, plots in (("world", world), ("city", item.city_plots), ("country", item.country_plots)):
        for seq, plot in enumerate(plots, start=1):
            yield {
                "artist": uuid,
                "platform": platform,
                "metric": metric,
                "day": item.date,
                "place": place,
                "seq": seq,
                "country_code": plot.country_code,
                "country_name": plot.country_name,
                "region": plot.region,
                "city_name": plot.city_name,
                "value": plot.value,
            }


def _radio(group: BroadcastGroup) -> dict[str, Any]:
    radio = group.radio
    return {
        "slug": radio.slug,
        "name": radio.name,
        "country_code": radio.country_code,
        "country_name": radio.country_name,
        "city_name": radio.city_name,
        "time_zone": radio.time_zone,
        "reach": radio.reach,
        "image_url": radio.image_url,
    }
