"""Tracks and artists as people and programs are shown them."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel

from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import entities
from chartline.warehouse.reads.entities import Kind

Precision = Literal["year", "month", "day"]


class Credited(BaseModel):
    """An artist of a track; `role` main or artist."""

    uuid: str
    name: str
    role: str


class TrackLine(BaseModel):
    """A track in a list."""

    uuid: str
    name: str
    credit_name: str | None
    isrc: str | None
    release_date: date | None
    release_date_precision: Precision | None
    """month or year where the date is known no further, and is its first day."""
    image_url: str | None
    artists: list[Credited]


class ArtistLine(BaseModel):
    """An artist in a list."""

    uuid: str
    slug: str | None
    name: str
    country_code: str | None
    image_url: str | None
    career_stage: str | None


class GenreName(BaseModel):
    """A genre: its root, and its own name where it is not a root itself."""

    root: str
    name: str | None


class LabelName(BaseModel):
    """`type`: the major's name, or indie."""

    name: str
    type: str


class Credit(BaseModel):
    """Who did what."""

    role: Literal["composer", "producer"]
    name: str


class TrackDetail(BaseModel):
    """All that is known of a track. `duration` in seconds, `loudness` in dB; `metadata_at` is None until its metadata
    was fetched."""

    uuid: str
    name: str
    credit_name: str | None
    image_url: str | None
    app_url: str | None
    preview_url: str | None
    isrc: str | None
    isrc_country: str | None
    iswcs: list[str] | None
    release_date: date | None
    release_date_precision: Precision | None
    """month or year where the date is known no further, and is its first day."""
    copyright: str | None
    duration: int | None
    explicit: bool | None
    language_code: str | None
    distributor: str | None
    acousticness: float | None
    danceability: float | None
    energy: float | None
    instrumentalness: float | None
    musical_key: int | None
    liveness: float | None
    loudness: float | None
    mode: int | None
    speechiness: float | None
    tempo: float | None
    time_signature: int | None
    valence: float | None
    metadata_at: datetime | None
    created_at: datetime
    updated_at: datetime
    artists: list[Credited]
    genres: list[GenreName]
    labels: list[LabelName]
    credits: list[Credit]


class ArtistDetail(BaseModel):
    """All that is known of an artist; `tracks`: how many name it."""

    uuid: str
    slug: str | None
    name: str
    app_url: str | None
    web_url: str | None
    image_url: str | None
    country_code: str | None
    city_name: str | None
    biography: str | None
    isni: str | None
    ipi: str | None
    gender: str | None
    type: str | None
    birth_date: date | None
    birth_date_precision: Precision | None
    """month or year where the date is known no further, and is its first day."""
    career_stage: str | None
    growth_level: str | None
    metadata_at: datetime | None
    created_at: datetime
    updated_at: datetime
    genres: list[GenreName]
    tracks: int


class DayPosition(BaseModel):
    """Where a track stood on a day."""

    day: date
    position: int
    old_position: int | None
    position_evolution: int | None
    entry_state: str | None
    entry_date: date | None
    entry_date_precision: Precision | None
    """month or year where the date is known no further, and is its first day."""
    time_on_chart: int | None
    time_on_chart_unit: str | None
    metric: int | None


class Stood(BaseModel):
    """A track, or an artist's best track, on a followed chart: `best` place and number of `days` in the range, and
    every place."""

    chart: str
    name: str
    platform: str
    country_code: str
    frequency: str
    days: int
    best: int
    first_day: date
    last_day: date
    positions: list[DayPosition]


def tracks(
    conn: Connection, *, name: str = "", isrc: str = "", limit: int = 50, offset: int = 0
) -> tuple[list[TrackLine], int]:
    """Tracks by name, and how many there are: those of which words begin as those of `name` do, and of that ISRC."""
    rows, total = entities.tracks(conn, name=name, isrc=isrc, limit=limit, offset=offset)
    return [TrackLine(**row) for row in rows], total


def artists(conn: Connection, *, name: str = "", limit: int = 50, offset: int = 0) -> tuple[list[ArtistLine], int]:
    """Artists by name, and how many there are: those of which words begin as those of `name` do."""
    rows, total = entities.artists(conn, name=name, limit=limit, offset=offset)
    return [ArtistLine(**row) for row in rows], total


def tracks_of_artist(conn: Connection, uuid: str, *, limit: int = 50, offset: int = 0) -> tuple[list[TrackLine], int]:
    """The tracks that name the artist, by name, and how many there are."""
    rows, total = entities.tracks_of_artist(conn, uuid, limit=limit, offset=offset)
    return [TrackLine(**row) for row in rows], total


def track(conn: Connection, uuid: str) -> TrackDetail | None:
    """One track; None when the warehouse does not know it."""
    row = entities.track(conn, uuid)
    return None if row is None else TrackDetail(**row)


def artist(conn: Connection, uuid: str) -> ArtistDetail | None:
    """One artist; None when the warehouse does not know it."""
    row = entities.artist(conn, uuid)
    return None if row is None else ArtistDetail(**row)


def positions(
    conn: Connection, kind: Kind, uuid: str, first: date, last: date, *, limit: int = 20, offset: int = 0
) -> tuple[list[Stood], int]:
    """The followed charts on which a track (or any of an artist's) stood in these days, the latest first, with every
    place, and how many."""
    charts, total = entities.charts_of(conn, kind, uuid, first, last, limit=limit, offset=offset)
    places: dict[int, list[DayPosition]] = defaultdict(list)
    if charts:
        for row in entities.positions(conn, kind, uuid, [chart["id"] for chart in charts], first, last):
            places[row["chart_id"]].append(DayPosition(**row))
    return [Stood(**chart, positions=places[chart["id"]]) for chart in charts], total
