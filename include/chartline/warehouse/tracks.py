"""Tracks, and what hangs on them: artists, genres, labels, credits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chartline.soundcharts.models import Label, Song, SongLight
from chartline.warehouse import artists, genres
from chartline.warehouse.artists import time_of
from chartline.warehouse.connect import Connection
from chartline.warehouse.merge import Merged, merge, replace
from chartline.warehouse.tables import AUDIO, LABEL, TRACK, TRACK_ARTIST, TRACK_CREDIT, TRACK_GENRE, TRACK_LABEL


@dataclass(frozen=True)
class StoredTracks:
    """Tracks made, tracks of which a value changed, artists met for the first time."""

    created: int = 0
    updated: int = 0
    artists_created: int = 0


def store_light(conn: Connection, songs: Iterable[SongLight]) -> Merged:
    """Stores tracks as a ranking names them; what is known beyond that stays."""
    return merge(
        conn,
        TRACK,
        [{"uuid": s.uuid, "name": s.name, "credit_name": s.credit_name, "image_url": s.image_url} for s in songs],
    )


def store_metadata(
    conn: Connection, songs: Sequence[Song], fetched_at: datetime | Mapping[str, datetime]
) -> StoredTracks:
    """Stores what the API says of tracks, in the caller's transaction, each table by one merge for all of them.

    A value that the answer lacks keeps the one stored before; a list that it lacks (artists, genres, labels,
    composers, producers) keeps the links, any other list replaces them. fetched_at: of all, or by uuid. Call it once in
    a transaction, no track twice: the order of tables and keys is what keeps concurrent transactions from deadlocking.
    """
    if not songs:
        return StoredTracks()
    stored = merge(conn, TRACK, [_row(song, time_of(song.uuid, fetched_at)) for song in songs])
    named = artists.store_light(conn, [artist for s in songs for artist in (*s.artists, *(s.main_artists or ()))])
    genres.link(conn, TRACK_GENRE, "track", {song.uuid: song.genres for song in songs if song.genres})
    _link_labels(conn, {song.uuid: song.labels for song in songs if song.labels})
    _link_artists(conn, {song.uuid: song for song in songs if song.artists}.values())
    replace(conn, TRACK_CREDIT, ("track", "role"), [row for song in songs for row in _credits(song)])
    return StoredTracks(stored.created, stored.updated, named.created)


def _row(song: Song, fetched_at: datetime) -> dict[str, Any]:
    return {
        "uuid": song.uuid,
        "name": song.name,
        "credit_name": song.credit_name,
        "image_url": song.image_url,
        "app_url": song.app_url,
        "preview_url": song.preview_url,
        "isrc": song.isrc,
        "isrc_country": song.isrc_country,
        "iswcs": song.iswcs or None,
        "release_date": song.release_date,
        "release_date_precision": song.release_date_precision,
        "copyright": song.copyright,
        "duration": song.duration,
        "explicit": song.explicit,
        "language_code": song.language_code,
        "distributor": song.distributor,
        **{column: getattr(song.audio, attribute, None) for column, attribute in AUDIO.items()},
        "metadata_at": fetched_at,
    }


def _link_artists(conn: Connection, songs: Iterable[Song]) -> None:
    """Order and role. Older answers do not tell the main artists: they leave the roles as they are."""
    rows: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for song in songs:
        main = {artist.uuid for artist in song.main_artists or ()}
        listed = dict.fromkeys(artist.uuid for artist in (*song.artists, *(song.main_artists or ())))
        for position, uuid in enumerate(listed, start=1):
            row = {"track": song.uuid, "artist": uuid, "position": position}
            rows[bool(main)].append(row | {"role": "main" if uuid in main else "artist"} if main else row)
    for some in rows.values():
        replace(conn, TRACK_ARTIST, ("track",), some)


def _link_labels(conn: Connection, labels: dict[str, list[Label]]) -> None:
    named = {(label.name, label.type) for listed in labels.values() for label in listed}
    merge(conn, LABEL, [{"name": name, "type": kind} for name, kind in named])
    ids = {
        (name, kind): label_id
        for name, kind, label_id in conn.execute(
            "select label.name, type, id from chartline.label join unnest(%s::text[]) as wanted (name)"
            " on md5(label.name) = md5(wanted.name) and label.name = wanted.name",
            [list({name for name, _ in named})],
        )
    }
    rows = []
    for uuid, listed in labels.items():
        in_order = dict.fromkeys(ids[label.name, label.type] for label in listed)
        rows += [{"track": uuid, "label_id": id_, "position": at} for at, id_ in enumerate(in_order, start=1)]
    replace(conn, TRACK_LABEL, ("track",), rows)


def _credits(song: Song) -> Iterator[dict[str, Any]]:
    for role, names in (("composer", song.composers), ("producer", song.producers)):
        for position, name in enumerate(names, start=1):
            yield {"track": song.uuid, "role": role, "position": position, "name": name}
