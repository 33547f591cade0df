"""A track's or artist's audience as its routes and pages give it: at once what is stored, with a refresh behind it.

Whoever may read may cause a refresh, but not trigger a run: so Chartline triggers it, with Airflow's own function. By
hand it is the person who triggers.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from uuid import UUID

from airflow.api.common.trigger_dag import trigger_dag
from airflow.exceptions import AirflowException
from airflow.models.dag import DagModel
from airflow.utils.types import DagRunTriggeredByType
from fastapi import BackgroundTasks
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from sqlalchemy.exc import SQLAlchemyError

from chartline.operating import audit, refresh, series
from chartline.operating.refresh import DAG_ID, Refresh, Start
from chartline.operating.series import Resolution, Span
from chartline.settings import settings
from chartline.warehouse import entity_lists
from chartline.warehouse.entity_lists import Kind
from chartline_airflow.web import starting
from chartline_airflow.web.access import Person
from chartline_airflow.web.airflow_api import Airflow
from chartline_airflow.web.paging import Day, PageQuery, Text
from chartline_airflow.web.problems import Problem, unknown
from chartline_airflow.web.warehouse import Connection, pool, url

log = logging.getLogger(__name__)

ON_BEHALF = "chartline"
"""Who triggers what nobody asked for by hand."""


class SpanQuery(BaseModel):
    """From when to when, in UTC days, both included."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    first: Day | None = Field(None, alias="from", description="first day, YYYY-MM-DD; by default some periods back")
    last: Day | None = Field(None, alias="to", description="last day; by default today")


class PositionsQuery(PageQuery, SpanQuery):
    """Which days, and a part of the charts."""

    limit: int = Field(20, ge=1, le=100, description="how many charts at most")


class AudienceQuery(SpanQuery):
    """Which platforms, days and periods."""

    platforms: list[Text] = Field([], max_length=50, description="several, or one with commas; by default the usual")
    resolution: Resolution = Field("day", description="one value a day, or the last one of each week or month")

    def codes(self, kind: Kind) -> tuple[str, ...]:
        """The platforms. Raises BadInput."""
        return refresh.chosen(kind, _split(self.platforms))

    def span(self, now: datetime) -> Span:
        """The days. Raises BadInput."""
        return Span.of(self.first, self.last, self.resolution, now.date())


class RefreshBody(BaseModel):
    """What to refresh. `force`: also what is still fresh; each call is billed."""

    model_config = ConfigDict(extra="forbid")

    platforms: list[Text] = Field([], max_length=50)
    force: StrictBool = False


def _split(given: list[str]) -> list[str]:
    return [code.strip() for one in given for code in one.split(",") if code.strip()]


def known(conn: Connection, kind: Kind, uuid: UUID) -> str:
    """The name of a track or artist. Raises Problem 404."""
    name = entity_lists.named(conn, kind, str(uuid))
    if name is None:
        raise missing(kind, uuid)
    return name


def missing(kind: Kind, uuid: UUID) -> Problem:
    """404: the warehouse has no such track or artist."""
    return unknown("uuid", f"There is no {kind[:-1]} {uuid} in the warehouse.")


def looked_at(
    conn: Connection, background: BackgroundTasks, kind: Kind, uuid: UUID, query: AudienceQuery
) -> tuple[str, list[refresh.Age], Span, Refresh, datetime]:
    """What an answer is made of: name, ages, span, what is done about the stale ones, the time.

    Where the refresh falls to this request, its run is triggered after the answer has gone.
    """
    now = datetime.now(UTC)
    codes, span = query.codes(kind), query.span(now)
    name = known(conn, kind, uuid)
    ages = refresh.ages(conn, kind, str(uuid), codes)
    told, start = refresh.ask(conn, kind, str(uuid), ages, now, settings())
    if start is not None:
        background.add_task(trigger, start)
    return name, ages, span, told, now


def trigger(start: Start) -> bool:
    """Trigger the run on Chartline's behalf. Where that cannot be, says why in the log and gives the claim back."""
    try:
        dag = DagModel.get_current(DAG_ID)
        if dag is None or dag.is_paused:
            raise AirflowException(f"the DAG {DAG_ID} is {'paused' if dag else 'not there'}")
        trigger_dag(
            DAG_ID,
            triggered_by=DagRunTriggeredByType.REST_API,
            triggering_user_name=ON_BEHALF,
            run_id=start.run_id,
            conf=start.config,
        )
    except (AirflowException, SQLAlchemyError) as trouble:
        log.warning("The refresh %s could not be started: %s", start.run_id, trouble)
        with pool(url()).connection() as conn:
            refresh.not_started(conn, start, settings())
        return False
    return True


def by_hand(conn: Connection, airflow: Airflow, kind: Kind, uuid: UUID, body: RefreshBody, person: Person) -> Refresh:
    """Refresh what is due, or with `force` all, as that person. Raises Problem: 404, 409 with the run at work."""
    codes = refresh.chosen(kind, _split(body.platforms))
    known(conn, kind, uuid)
    starting.must_be_ready(airflow, DAG_ID)
    now = datetime.now(UTC)
    ages = refresh.ages(conn, kind, str(uuid), codes)
    told, start = refresh.ask_by_hand(conn, kind, str(uuid), ages, now, settings(), force=body.force)
    if told.state == "running":
        run = {"dag_id": told.dag_id, "run_id": told.run_id}
        raise Problem(409, "A run is fetching this audience already.", kind="running", run=run)
    if told.state == "put_off":
        raise Problem(409, told.reason, kind="put_off")
    if start is not None:
        try:
            airflow.trigger(DAG_ID, start.config, run_id=start.run_id)
        except Problem:
            refresh.not_started(conn, start, settings())
            raise
        subject = f"{kind[:-1]} {uuid}"
        audit.note(conn, person.name, starting.TRIGGER, subject, None, {"run_id": start.run_id, **start.config})
    return told


def track_audience(
    conn: Connection, background: BackgroundTasks, uuid: UUID, query: AudienceQuery
) -> series.TrackAudience:
    """A track's audience. Raises Problem 404, BadInput."""
    name, ages, span, told, now = looked_at(conn, background, "tracks", uuid, query)
    return series.of_track(conn, str(uuid), name, ages, span, told, now)


def artist_audience(
    conn: Connection, background: BackgroundTasks, uuid: UUID, query: AudienceQuery
) -> series.ArtistAudience:
    """An artist's audience. Raises Problem 404, BadInput."""
    name, ages, span, told, now = looked_at(conn, background, "artists", uuid, query)
    return series.of_artist(conn, str(uuid), name, ages, span, told, now)
