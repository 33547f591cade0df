"""Artists and their genres."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from chartline.soundcharts.models import Artist, ArtistLight
from chartline.warehouse import genres
from chartline.warehouse.connect import Connection
from chartline.warehouse.merge import Merged, merge
from chartline.warehouse.tables import ARTIST, ARTIST_GENRE

LIGHT = ("uuid", "slug", "name", "app_url", "image_url")
FULL = (
    *LIGHT, "web_url", "country_code", "city_name", "biography", "isni", "ipi", "gender", "type", "birth_date",
    "birth_date_precision", "career_stage", "growth_level",
)  # fmt: skip


def store_light(conn: Connection, artists: Iterable[ArtistLight]) -> Merged:
    """Stores artists as a track names them; what is known beyond that stays."""
    return merge(conn, ARTIST, [{column: getattr(artist, column) for column in LIGHT} for artist in artists])


def time_of(uuid: str, fetched_at: datetime | Mapping[str, datetime]) -> datetime:
    """When this one was fetched: all of them then, or each at its own time."""
    return fetched_at if isinstance(fetched_at, datetime) else fetched_at[uuid]


def store_metadata(
    conn: Connection, artists: Sequence[Artist], fetched_at: datetime | Mapping[str, datetime]
) -> Merged:
    """Stores what the API says of artists, in the caller's transaction, each table by one merge for all of them.

    A value that the answer lacks keeps the one stored before; genres are replaced by a list that is not empty.
    fetched_at: of all, or by uuid. Call it once in a transaction, as the one for tracks.
    """
    stored = merge(
        conn,
        ARTIST,
        [
            {column: getattr(artist, column) for column in FULL} | {"metadata_at": time_of(artist.uuid, fetched_at)}
            for artist in artists
        ],
    )
    genres.link(conn, ARTIST_GENRE, "artist", {artist.uuid: artist.genres for artist in artists if artist.genres})
    return stored
