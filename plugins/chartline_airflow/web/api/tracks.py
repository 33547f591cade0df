"""Tracks and their audience."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from chartline.operating import entities
from chartline.operating.entities import Stood, TrackDetail, TrackLine
from chartline.operating.refresh import Refresh
from chartline.operating.series import AudienceOfTrack, Span
from chartline_airflow.web import refreshing
from chartline_airflow.web.access import Reader, Spender
from chartline_airflow.web.airflow_api import AirflowApi
from chartline_airflow.web.paging import Page, PageQuery, Text
from chartline_airflow.web.refreshing import AudienceQuery, PositionsQuery, RefreshBody
from chartline_airflow.web.warehouse import Warehouse

router = APIRouter(prefix="/tracks", tags=["tracks"])


class TracksQuery(PageQuery):
    """Which tracks."""

    name: Text = Field("", description="words of the name or the credit, or how they begin")
    isrc: Text = Field("", description="exactly this ISRC")


@router.get("/")
def search_tracks(query: Annotated[TracksQuery, Query()], conn: Warehouse) -> Page[TrackLine]:
    """Tracks whose names hold words that begin with those of `name`, or that have the ISRC."""
    lines, total = entities.tracks(
        conn, name=query.name, isrc=query.isrc.replace("-", "").strip(), limit=query.limit, offset=query.offset
    )
    return Page.of(lines, total, query)


@router.get("/{uuid}/")
def get_track(uuid: UUID, conn: Warehouse) -> TrackDetail:
    """All that is known of a track: metadata, artists, genres, labels, credits."""
    track = entities.track(conn, str(uuid))
    if track is None:
        raise refreshing.missing("tracks", uuid)
    return track


@router.get("/{uuid}/positions/")
def list_track_positions(uuid: UUID, query: Annotated[PositionsQuery, Query()], conn: Warehouse) -> Page[Stood]:
    """The track's position, day by day, on every followed chart: up to a year, by default 90 days."""
    refreshing.known(conn, "tracks", uuid)
    span = Span.of(query.first, query.last, "day", datetime.now(UTC).date())
    charts, total = entities.positions(
        conn, "tracks", str(uuid), span.first, span.last, limit=query.limit, offset=query.offset
    )
    return Page.of(charts, total, query)


@router.get("/{uuid}/audience/")
def get_track_audience(
    uuid: UUID, query: Annotated[AudienceQuery, Query()], conn: Warehouse, person: Reader
) -> AudienceOfTrack:
    """The track's totals to date by platform: by identifier as they came, the sums with days in between
    filled in, and what each period gained.

    Says how old it is and, where it is stale, what a refresh would cost. Starts no refresh.
    """
    return refreshing.track_audience(conn, uuid, query, person)


@router.post("/{uuid}/refresh/", status_code=202)
def refresh_track_audience(
    uuid: UUID, body: RefreshBody, conn: Warehouse, airflow: AirflowApi, person: Spender, response: Response
) -> Refresh:
    """Fetches what is due of the track's audience; with `force` all of it. Allowed to whoever may edit DAGs, and to
    others where CHARTLINE_REFRESH_CALLS_VIEWER lets them, within the calls that the person may spend in a day. 200 when
    nothing is due, 409 while a run is fetching it."""
    told = refreshing.start(conn, airflow, "tracks", uuid, body, person)
    if told.state == "not_needed":
        response.status_code = 200
    return told
