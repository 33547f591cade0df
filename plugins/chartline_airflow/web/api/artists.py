"""Artists, their tracks and their audience."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from chartline.operating import entities
from chartline.operating.entities import ArtistDetail, ArtistLine, Stood, TrackLine
from chartline.operating.refresh import Refresh
from chartline.operating.series import AudienceOfArtist, Span
from chartline_airflow.web import refreshing
from chartline_airflow.web.access import Reader, Spender
from chartline_airflow.web.airflow_api import AirflowApi
from chartline_airflow.web.paging import Page, PageQuery, Text
from chartline_airflow.web.refreshing import AudienceQuery, PositionsQuery, RefreshBody
from chartline_airflow.web.warehouse import Warehouse

router = APIRouter(prefix="/artists", tags=["artists"])


class ArtistsQuery(PageQuery):
    """Which artists."""

    name: Text = Field("", description="words of the name, or how they begin")


@router.get("/")
def search_artists(query: Annotated[ArtistsQuery, Query()], conn: Warehouse) -> Page[ArtistLine]:
    """Artists whose names hold words that begin with those of `name`."""
    lines, total = entities.artists(conn, name=query.name, limit=query.limit, offset=query.offset)
    return Page.of(lines, total, query)


@router.get("/{uuid}/")
def get_artist(uuid: UUID, conn: Warehouse) -> ArtistDetail:
    """All that is known of an artist: metadata and genres."""
    artist = entities.artist(conn, str(uuid))
    if artist is None:
        raise refreshing.missing("artists", uuid)
    return artist


@router.get("/{uuid}/tracks/")
def list_artist_tracks(uuid: UUID, query: Annotated[PageQuery, Query()], conn: Warehouse) -> Page[TrackLine]:
    """The tracks that name the artist, sorted by name."""
    refreshing.known(conn, "artists", uuid)
    lines, total = entities.tracks_of_artist(conn, str(uuid), limit=query.limit, offset=query.offset)
    return Page.of(lines, total, query)


@router.get("/{uuid}/positions/")
def list_artist_positions(uuid: UUID, query: Annotated[PositionsQuery, Query()], conn: Warehouse) -> Page[Stood]:
    """The best position of any of the artist's tracks, day by day, on every followed chart: up to a year, by default 90
    days."""
    refreshing.known(conn, "artists", uuid)
    span = Span.of(query.first, query.last, "day", datetime.now(UTC).date())
    charts, total = entities.positions(
        conn, "artists", str(uuid), span.first, span.last, limit=query.limit, offset=query.offset
    )
    return Page.of(charts, total, query)


@router.get("/{uuid}/audience/")
def get_artist_audience(
    uuid: UUID, query: Annotated[AudienceQuery, Query()], conn: Warehouse, person: Reader
) -> AudienceOfArtist:
    """The artist's metrics by platform, monthly listeners among them: the values as they came, the values
    with days in between filled in, and what each period gained.

    Says how old it is and, where it is stale, what a refresh would cost. Starts no refresh.
    """
    return refreshing.artist_audience(conn, uuid, query, person)


@router.post("/{uuid}/refresh/", status_code=202)
def refresh_artist_audience(
    uuid: UUID, body: RefreshBody, conn: Warehouse, airflow: AirflowApi, person: Spender, response: Response
) -> Refresh:
    """Fetches what is due of the artist's audience; with `force` all of it. Allowed to whoever may edit DAGs, and to
    others where CHARTLINE_REFRESH_CALLS_VIEWER lets them, within the calls that the person may spend in a day. 200 when
    nothing is due, 409 while a run is fetching it."""
    told = refreshing.start(conn, airflow, "artists", uuid, body, person)
    if told.state == "not_needed":
        response.status_code = 200
    return told
