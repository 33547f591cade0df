"""What an estimate is made from: who stands on a chart for how long, what is due, the quota left, what rows weigh.

Nothing here leases or writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import class_row

from chartline.warehouse import ledger
from chartline.warehouse.connect import Connection
from chartline.warehouse.ledger import Item, Want


@dataclass(frozen=True)
class RankingSample:
    """A stored ranking. `total` as the API says it; `newcomers`: how many of its tracks are on the chart for 1, 2, 3, 5
    and 7 of its days at the most; `dated`: of how many that is known."""

    id: int
    day: date
    total: int
    dated: int
    newcomers: list[int]


@dataclass(frozen=True)
class ArtistSample:
    """The artists of all tracks whose metadata is here: how many tracks, links of track and artist, distinct artists,
    and artists met once and twice."""

    tracks: int
    links: int
    artists: int
    once: int
    twice: int


def newest_rankings(conn: Connection, chart_id: int, count: int) -> list[RankingSample]:
    """The newest stored rankings of a chart, newest first."""
    with conn.cursor(row_factory=class_row(RankingSample)) as cursor:
        return cursor.execute(
            """select r.id, r.day, r.total, count(e.age)::int as dated,
                      array[count(*) filter (where e.age <= 1), count(*) filter (where e.age <= 2),
                            count(*) filter (where e.age <= 3), count(*) filter (where e.age <= 5),
                            count(*) filter (where e.age <= 7)]::int[] as newcomers
               from (select id, day, total from chartline.chart_ranking
                     where chart_id = %s order by day desc limit %s) as r
               left join lateral (
                   select coalesce(time_on_chart, case when entry_date >= r.day then 1 end) as age
                   from chartline.chart_ranking_entry where ranking_id = r.id
               ) as e on true
               group by r.id, r.day, r.total order by r.day desc""",
            [chart_id, count],
        ).fetchall()


def tracks_of(conn: Connection, ranking_id: int) -> list[str]:
    """The distinct tracks of a ranking."""
    rows = conn.execute(
        "select distinct track::text from chartline.chart_ranking_entry where ranking_id = %s", [ranking_id]
    )
    return [uuid for (uuid,) in rows]


def due(
    conn: Connection,
    resource: str,
    wants: Sequence[Want],
    *,
    stale_before: datetime | None = None,
    reach: date | None = None,
) -> list[Item]:
    """Those of `wants` that `ledger.claim` would lease now, with what is here of them; its words."""
    rows = conn.execute(
        f"""select w.entity, w.facet, l.covered_from, l.covered_to, (l.fetched_at at time zone 'UTC')::date
           from (select distinct * from unnest(%(entities)s::text[], %(facets)s::text[])) as w (entity, facet)
           left join chartline.fetch_ledger as l
             on l.resource = %(resource)s and l.entity = w.entity and l.facet = w.facet
           where l.entity is null or ({ledger.DUE} and {ledger.FREE})""",
        {
            "stale_before": stale_before,
            "reach": reach,
            "resource": resource,
            "entities": [want.entity for want in wants],
            "facets": [want.facet for want in wants],
        },
    )
    return [Item(entity, facet, first, last, fetched_on=day) for entity, facet, first, last, day in rows]


def due_tracks_of_chart(conn: Connection, resource: str, chart_id: int, except_ranking: int | None) -> int:
    """How many tracks of the chart's stored rankings are due for a resource, those of one ranking left out."""
    return _count(
        conn,
        """select count(*) from (
               select distinct e.track from chartline.chart_ranking as r
               join chartline.chart_ranking_entry as e on e.ranking_id = r.id where r.chart_id = %(chart)s
               except select track from chartline.chart_ranking_entry where ranking_id = %(ranking)s
           ) as t
           left join chartline.fetch_ledger as l
             on l.resource = %(resource)s and l.entity = t.track::text and l.facet = ''
           where l.due_at is null or l.due_at <= now()""",
        {"resource": resource, "chart": chart_id, "ranking": except_ranking},
    )


def due_artists(conn: Connection, resource: str) -> int:
    """How many artists of the warehouse are due for a resource."""
    return _count(
        conn,
        """select count(*) from chartline.artist as a
           left join chartline.fetch_ledger as l
             on l.resource = %(resource)s and l.entity = a.uuid::text and l.facet = ''
           where l.due_at is null or l.due_at <= now()""",
        {"resource": resource},
    )


def loose_tracks(conn: Connection) -> int:
    """How many tracks have metadata and stand in no stored ranking, as when a ranking was removed."""
    return _count(
        conn,
        """select count(*) from chartline.track as t where t.metadata_at is not null and not exists (
               select from chartline.chart_ranking_entry where track = t.uuid)""",
        {},
    )


def tracks_elsewhere(conn: Connection, chart_id: int | None, tracks: Sequence[str]) -> int:
    """How many of these tracks stand in a stored ranking of another chart."""
    return _count(
        conn,
        """select count(*) from unnest(%(tracks)s::uuid[]) as t (track) where exists (
               select from chartline.chart_ranking_entry as e
               join chartline.chart_ranking as r on r.id = e.ranking_id
               where e.track = t.track and r.chart_id is distinct from %(chart)s)""",
        {"tracks": list(tracks), "chart": chart_id},
    )


def other_charts_stored(conn: Connection, chart_id: int | None) -> bool:
    """Whether any ranking of another chart is stored."""
    row = conn.execute(
        "select exists (select from chartline.chart_ranking where chart_id is distinct from %s)", [chart_id]
    ).fetchone()
    return bool(row and row[0])


def artists_of(conn: Connection, tracks: Sequence[str]) -> tuple[list[str], int]:
    """The distinct artists of these tracks, and of how many of the tracks they are not known yet."""
    rows = conn.execute(
        "select distinct artist::text from chartline.track_artist where track = any(%s::uuid[]) order by 1",
        [list(tracks)],
    )
    artists = [uuid for (uuid,) in rows]
    known = _count(
        conn,
        """select count(*) from unnest(%(tracks)s::uuid[]) as t (track) where exists (
               select from chartline.track where uuid = t.track and metadata_at is not null)""",
        {"tracks": list(tracks)},
    )
    return artists, len(tracks) - known


def artist_sample(conn: Connection) -> ArtistSample:
    """The artists of all tracks whose metadata is here."""
    with conn.cursor(row_factory=class_row(ArtistSample)) as cursor:
        row = cursor.execute(
            """select (select count(*) from chartline.track where metadata_at is not null)::int as tracks,
                      coalesce(sum(met), 0)::int as links, count(*)::int as artists,
                      count(*) filter (where met = 1)::int as once, count(*) filter (where met = 2)::int as twice
               from (select count(*) as met from chartline.track_artist group by artist) as a"""
        ).fetchone()
    assert row is not None
    return row


def pages(conn: Connection, resource: str) -> tuple[int, int]:
    """Good calls for a resource so far, and those of them that were a first page."""
    row = conn.execute(
        """select count(*), count(*) filter (where part = 0) from chartline.raw_answer
           where resource = %s""",
        [resource],
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def row_bytes(conn: Connection, tables: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Table to (bytes with indexes, rows as PostgreSQL last counted them), partitions summed."""
    rows = conn.execute(
        """select t.name, sum(pg_total_relation_size(p.oid))::bigint, sum(greatest(p.reltuples, 0))::bigint
           from unnest(%s::text[]) as t (name)
           join pg_class as c on c.oid = to_regclass('chartline.' || t.name)
           left join pg_inherits as i on i.inhparent = c.oid
           join pg_class as p on p.oid = coalesce(i.inhrelid, c.oid)
           group by t.name""",
        [list(tables)],
    )
    return {name: (size, count) for name, size, count in rows}


def _count(conn: Connection, query: str, values: dict[str, Any]) -> int:
    row = conn.execute(query, values).fetchone()
    return int(row[0]) if row else 0
