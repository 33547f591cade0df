"""Tracks and artists: found by name, described in full, and their positions. Indexed reads, none per row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Literal, LiteralString

from psycopg.rows import dict_row

from chartline.warehouse.connect import Connection

Row = dict[str, Any]
Kind = Literal["tracks", "artists"]

_TABLE: dict[Kind, LiteralString] = {"tracks": "track", "artists": "artist"}


def unknown(conn: Connection, kind: Kind, uuids: Iterable[str]) -> list[str]:
    """Those of `uuids` that the warehouse has no track (or artist) of, in their order."""
    rows = conn.execute(
        f"""select w.uuid from unnest(%s::text[]) with ordinality as w (uuid, n)
            where not exists (select from chartline.{_TABLE[kind]} as t where t.uuid = w.uuid::uuid) order by n""",
        [list(uuids)],
    )
    return [uuid for (uuid,) in rows]


def newest_rankings(conn: Connection, slugs: Iterable[str]) -> dict[str, int | None]:
    """The id of the newest stored ranking of each chart; None where it has none. Unknown charts are left out."""
    rows = conn.execute(
        """select c.slug, (select id from chartline.chart_ranking where chart_id = c.id order by day desc limit 1)
           from chartline.chart as c where c.slug = any(%s)""",
        [list(slugs)],
    )
    return dict(rows.fetchall())


def tracks_of(conn: Connection, rankings: Iterable[int]) -> list[str]:
    """The distinct tracks of these rankings (ids)."""
    rows = conn.execute(
        "select distinct track::text from chartline.chart_ranking_entry where ranking_id = any(%s)", [list(rankings)]
    )
    return [uuid for (uuid,) in rows]


def artists_of(conn: Connection, rankings: Iterable[int]) -> list[str]:
    """The distinct artists of the tracks of these rankings (ids)."""
    rows = conn.execute(
        """select distinct link.artist::text from chartline.chart_ranking_entry as e
           join chartline.track_artist as link on link.track = e.track where e.ranking_id = any(%s)""",
        [list(rankings)],
    )
    return [uuid for (uuid,) in rows]


# -- lists ---------------------------------------------------------------------------------------------------

_TRACK_ARTISTS: LiteralString = """
    (select coalesce(jsonb_agg(jsonb_build_object('uuid', a.uuid, 'name', a.name, 'role', link.role)
                               order by link.position), '[]')
     from chartline.track_artist as link join chartline.artist as a on a.uuid = link.artist where link.track = t.uuid)
"""
_TRACK_LIST: LiteralString = f"""
    t.uuid::text, t.name, t.credit_name, t.isrc, t.release_date, t.release_date_precision, t.image_url,
    {_TRACK_ARTISTS} as artists
"""


def _words(conn: Connection, text: str) -> str:
    """`text` as a query for names that hold, for every word of it, one that begins so; "" when it has no word."""
    row = conn.execute("select tsvector_to_array(to_tsvector('simple', %s))", [text]).fetchone()
    # Quoted as tsquery reads it, whose rules are not those of SQL.
    quoted = (word.replace("\\", "\\\\").replace("'", "''") for word in (row[0] if row else ()))
    return " & ".join(f"'{word}':*" for word in quoted)


def _matches(conn: Connection, text: str, document: LiteralString, name: LiteralString) -> tuple[LiteralString, Row]:
    """The condition on a name, and its values. A text without a word, as of signs alone, is the whole name."""
    if not text.strip():
        return "true", {}
    words = _words(conn, text)
    if words:
        return f"{document} @@ %(words)s::tsquery", {"words": words}
    whole: LiteralString = f"left(lower({name}), 200) = left(lower(%(name)s), 200) and lower({name}) = lower(%(name)s)"
    return whole, {"name": text.strip()}


# As the indexes have it, which hold the beginning of a name.
_TRACK_WORDS: LiteralString = (
    "to_tsvector('simple', left(t.name, 10000) || ' ' || left(coalesce(t.credit_name, ''), 10000))"
)
_ARTIST_WORDS: LiteralString = "to_tsvector('simple', left(t.name, 10000))"


def tracks(
    conn: Connection, *, name: str = "", isrc: str = "", limit: int = 50, offset: int = 0
) -> tuple[list[Row], int]:
    """Tracks by name, with their artists, and how many there are: those whose name or credit name has words that begin
    as those of `name` do, and of that ISRC."""
    where, values = _matches(conn, name, _TRACK_WORDS, "t.name")
    if isrc:
        where, values = f"{where} and t.isrc = %(isrc)s", values | {"isrc": isrc.upper()}
    return _page(conn, "track", _TRACK_LIST, where, values, limit, offset)


def artists(conn: Connection, *, name: str = "", limit: int = 50, offset: int = 0) -> tuple[list[Row], int]:
    """Artists by name, and how many there are: those whose name has words that begin as those of `name` do."""
    where, values = _matches(conn, name, _ARTIST_WORDS, "t.name")
    columns: LiteralString = "t.uuid::text, t.slug, t.name, t.country_code, t.image_url, t.career_stage"
    return _page(conn, "artist", columns, where, values, limit, offset)


def tracks_of_artist(conn: Connection, uuid: str, *, limit: int = 50, offset: int = 0) -> tuple[list[Row], int]:
    """The tracks that name the artist, by name, and how many there are."""
    where: LiteralString = "t.uuid in (select track from chartline.track_artist where artist = %(artist)s)"
    return _page(conn, "track", _TRACK_LIST, where, {"artist": uuid}, limit, offset)


def _page(
    conn: Connection,
    table: LiteralString,
    columns: LiteralString,
    where: LiteralString,
    values: Row,
    limit: int,
    offset: int,
) -> tuple[list[Row], int]:
    counted = conn.execute(f"select count(*) from chartline.{table} as t where {where}", values).fetchone()
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            f"""with t as materialized (
                    select * from chartline.{table} as t where {where}
                    order by left(lower(name), 200), uuid limit %(limit)s offset %(offset)s
                )
                select {columns} from t order by left(lower(t.name), 200), t.uuid""",
            values | {"limit": limit, "offset": offset},
        ).fetchall()
    return rows, int(counted[0]) if counted else 0


# -- one -----------------------------------------------------------------------------------------------------

_GENRES: LiteralString = """
    (select coalesce(jsonb_agg(jsonb_build_object('root', coalesce(root.name, g.name),
                                                  'name', case when root.id is not null then g.name end)
                               order by coalesce(root.name, g.name), root.id is not null, g.name), '[]')
     from chartline.{kind}_genre as link join chartline.genre as g on g.id = link.genre_id
     left join chartline.genre as root on root.id = g.parent_id where link.{kind} = t.uuid)
"""


def track(conn: Connection, uuid: str) -> Row | None:
    """All that is known of a track: its columns, `artists`, `genres`, `labels`, `credits`; None when it is unknown."""
    genres = _GENRES.replace("{kind}", "track")
    return _one(
        conn,
        f"""select to_jsonb(t) - 'uuid' as facts, t.uuid::text, {_TRACK_ARTISTS} as artists, {genres} as genres,
                (select coalesce(jsonb_agg(jsonb_build_object('name', l.name, 'type', l.type)
                                           order by link.position), '[]')
                 from chartline.track_label as link join chartline.label as l on l.id = link.label_id
                 where link.track = t.uuid) as labels,
                (select coalesce(jsonb_agg(jsonb_build_object('role', c.role, 'name', c.name)
                                           order by c.role, c.position), '[]')
                 from chartline.track_credit as c where c.track = t.uuid) as credits
            from chartline.track as t where t.uuid = %s""",
        uuid,
    )


def artist(conn: Connection, uuid: str) -> Row | None:
    """All that is known of an artist: its columns, `genres`, how many `tracks`; None when it is unknown."""
    genres = _GENRES.replace("{kind}", "artist")
    return _one(
        conn,
        f"""select to_jsonb(t) - 'uuid' as facts, t.uuid::text, {genres} as genres,
                (select count(*) from chartline.track_artist as link where link.artist = t.uuid) as tracks
            from chartline.artist as t where t.uuid = %s""",
        uuid,
    )


def _one(conn: Connection, query: LiteralString, uuid: str) -> Row | None:
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query, [uuid]).fetchone()
    return None if row is None else row.pop("facts") | row


def named(conn: Connection, kind: Kind, uuid: str) -> str | None:
    """The name of a track or an artist; None when it is unknown."""
    row = conn.execute(f"select name from chartline.{_TABLE[kind]} where uuid = %s", [uuid]).fetchone()
    return row[0] if row else None


# -- where a track stood -------------------------------------------------------------------------------------

_STOOD: LiteralString = """
    from chartline.chart_ranking_entry as e
    join chartline.chart_ranking as r on r.id = e.ranking_id
    join chartline.chart_sync_schedule as s on s.chart_id = r.chart_id
"""


_TRACK_IS: dict[Kind, LiteralString] = {
    "tracks": "e.track = %s",
    "artists": "e.track in (select track from chartline.track_artist where artist = %s)",
}


def charts_of(
    conn: Connection, kind: Kind, uuid: str, first: date, last: date, *, limit: int = 20, offset: int = 0
) -> tuple[list[Row], int]:
    """The followed charts on which a track, or any track of an artist, stood in these days, the latest first, and how
    many there are."""
    wanted = f"{_TRACK_IS[kind]} and r.day between %s and %s"
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            f"""select c.id, c.slug as chart, c.name, c.platform, c.country_code, c.frequency, stood.days, stood.best,
                    stood.first_day, stood.last_day, count(*) over () as total
                from (select r.chart_id, count(distinct r.day) as days, min(e.position) as best,
                             min(r.day) as first_day, max(r.day) as last_day
                      {_STOOD} where {wanted} group by r.chart_id) as stood
                join chartline.chart as c on c.id = stood.chart_id
                order by stood.last_day desc, stood.best, c.slug limit %s offset %s""",
            [uuid, first, last, limit, offset],
        ).fetchall()
        if rows or not offset:
            return rows, rows[0]["total"] if rows else 0
        counted = cursor.execute(
            f"select count(distinct r.chart_id) as n {_STOOD} where {wanted}",
            [uuid, first, last],
        ).fetchone()
    return [], counted["n"] if counted else 0


def positions(conn: Connection, kind: Kind, uuid: str, charts: Sequence[int], first: date, last: date) -> list[Row]:
    """Places of a track, or of an artist's best track, on these charts (ids), by chart and day; the best where it stood
    twice in one ranking."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            f"""select distinct on (r.chart_id, r.day) r.chart_id, r.day, e.position, e.old_position,
                    e.position_evolution, e.entry_state, e.entry_date, e.entry_date_precision,
                    e.time_on_chart, e.time_on_chart_unit, e.metric
                {_STOOD} where {_TRACK_IS[kind]} and r.chart_id = any(%s) and r.day between %s and %s
                order by r.chart_id, r.day, e.position""",
            [uuid, list(charts), first, last],
        ).fetchall()
