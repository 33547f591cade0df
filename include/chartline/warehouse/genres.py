"""Genres: a tree of two levels, shared by tracks and artists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chartline.soundcharts.models import Genre
from chartline.warehouse.connect import Connection
from chartline.warehouse.merge import MergeTable, merge, replace
from chartline.warehouse.tables import GENRE


def link(conn: Connection, table: MergeTable, owner: str, genres: Mapping[str, Sequence[Genre]]) -> None:
    """Makes `genres` {uuid: its genres} the ones of those tracks or artists; `owner` is the table's column of the uuid.

    A thing is linked to each root and to each genre below it; a `sub` that repeats its root is the root itself.
    """
    paths = {path for listed in genres.values() for genre in listed for path in _paths(genre)}
    ids = _store_tree(conn, paths)
    rows = [
        {owner: uuid, "genre_id": ids[path]}
        for uuid, listed in genres.items()
        for genre in listed
        for path in _paths(genre)
    ]
    replace(conn, table, (owner,), rows)


Path = tuple[str, str | None]


def _paths(genre: Genre) -> list[Path]:
    return [(genre.root, None), *((genre.root, sub) for sub in genre.sub if sub != genre.root)]


def _store_tree(conn: Connection, paths: set[Path]) -> dict[Path, int]:
    merge(conn, GENRE, [{"parent_id": None, "name": root} for root, sub in paths if sub is None])
    rows = conn.execute(
        "select genre.name, id from chartline.genre join unnest(%s::text[]) as wanted (name)"
        " on md5(genre.name) = md5(wanted.name) and genre.name = wanted.name where parent_id is null",
        [list({root for root, _ in paths})],
    )
    roots: dict[str, int] = dict(rows.fetchall())
    merge(conn, GENRE, [{"parent_id": roots[root], "name": sub} for root, sub in paths if sub is not None])
    below = conn.execute(
        "select root.name, genre.name, genre.id from chartline.genre join chartline.genre as root"
        " on root.id = genre.parent_id where root.id = any(%s)",
        [list(roots.values())],
    )
    return {(name, None): genre_id for name, genre_id in roots.items()} | {
        (root, name): genre_id for root, name, genre_id in below
    }
