"""A track's or artist's audience as its routes and pages give it: what is stored, how old it is, what a refresh costs.

Reading starts nothing. A refresh is asked for by POST, within what the settings allow the person.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from uuid import UUID

from airflow.api.common.trigger_dag import trigger_dag
from airflow.exceptions import AirflowException
from airflow.utils.types import DagRunTriggeredByType
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from sqlalchemy.exc import SQLAlchemyError

from chartline.domain.dag_ids import AUDIENCE_REFRESH
from chartline.operating import refresh, series
from chartline.operating.refresh import Asker, Refresh, Start
from chartline.operating.series import Resolution, Span
from chartline.settings import settings
from chartline.warehouse import changes
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import entities
from chartline.warehouse.reads.entities import Kind
from chartline_airflow.web import starting
from chartline_airflow.web.access import Person
from chartline_airflow.web.airflow_api import Airflow
from chartline_airflow.web.paging import Day, PageQuery, Text
from chartline_airflow.web.problems import Problem, unknown

log = logging.getLogger(__name__)


class SpanQuery(BaseModel):
    """From when to when, in UTC days, both included."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    first: Day | None = Field(
        None, alias="from", description="first day, YYYY-MM-DD; default: 90 days, 53 weeks or 24 months back"
    )
    last: Day | None = Field(None, alias="to", description="last day; default: today")


class PositionsQuery(PageQuery, SpanQuery):
    """Which days, and a part of the charts."""

    limit: int = Field(20, ge=1, le=100, description="how many charts at most")


class AudienceQuery(SpanQuery):
    """Which platforms, days and periods."""

    platforms: list[Text] = Field(
        [], max_length=50, description="may be given several times, or once with commas; default: the usual platforms"
    )
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
    name = entities.named(conn, kind, str(uuid))
    if name is None:
        raise missing(kind, uuid)
    return name


def missing(kind: Kind, uuid: UUID) -> Problem:
    """404: the warehouse has no such track or artist."""
    return unknown("uuid", f"There is no {kind[:-1]} {uuid} in the warehouse.")


def looked_at(
    conn: Connection, kind: Kind, uuid: UUID, query: AudienceQuery, person: Person
) -> tuple[str, list[refresh.Age], Span, Refresh, datetime]:
    """What an answer is made of: name, ages, span, what can be done about the stale ones, the time."""
    now = datetime.now(UTC)
    codes, span = query.codes(kind), query.span(now)
    name = known(conn, kind, uuid)
    ages = refresh.ages(conn, kind, str(uuid), codes, settings())
    return name, ages, span, refresh.offer(conn, kind, str(uuid), ages, _asker(person), now, settings()), now


def start(conn: Connection, airflow: Airflow, kind: Kind, uuid: UUID, body: RefreshBody, person: Person) -> Refresh:
    """Refresh what is due, or with `force` all, as that person. Raises NotAllowed, and Problem: 403, 404, 409 with the
    run that is fetching it."""
    if body.force and not person.may_edit:
        raise Problem(403, "Only a person who may edit DAGs can fetch again what is still fresh.", kind="may_not_edit")
    codes = refresh.chosen(kind, _split(body.platforms))
    known(conn, kind, uuid)
    starting.must_be_ready(airflow, AUDIENCE_REFRESH)
    now = datetime.now(UTC)
    ages = refresh.ages(conn, kind, str(uuid), codes, settings())
    told, begun = refresh.ask(conn, kind, str(uuid), ages, _asker(person), now, settings(), force=body.force)
    if told.state == "running":
        run = {"dag_id": told.dag_id, "run_id": told.run_id}
        raise Problem(409, "A run is already fetching this audience.", kind="running", run=run)
    if told.state == "put_off":
        raise Problem(409, told.reason, kind="put_off")
    if begun is not None:
        try:
            _trigger(airflow, begun, person)
        except Problem:
            refresh.not_started(conn, begun)
            raise
        cost = {"calls": told.calls.high if told.calls else 0}
        after = {"run_id": begun.run_id, **begun.config, **cost}
        changes.note(conn, person.name, starting.TRIGGER, f"{kind[:-1]} {uuid}", None, after)
    return told


def _trigger(airflow: Airflow, begun: Start, person: Person) -> None:
    """As the person; who may spend calls but trigger nothing has it done by Chartline, in the person's name."""
    if person.may_edit:
        airflow.trigger(AUDIENCE_REFRESH, begun.config, run_id=begun.run_id)
        return
    try:
        trigger_dag(
            AUDIENCE_REFRESH,
            triggered_by=DagRunTriggeredByType.REST_API,
            triggering_user_name=person.name,
            run_id=begun.run_id,
            conf=begun.config,
        )
    except (AirflowException, SQLAlchemyError) as trouble:
        log.warning("The refresh %s could not be started: %s", begun.run_id, trouble)
        raise Problem(503, "Airflow did not start the refresh.", kind="airflow_refused") from trouble


def _asker(person: Person) -> Asker:
    return Asker.of(person.name, person.may_edit, settings())


def track_audience(conn: Connection, uuid: UUID, query: AudienceQuery, person: Person) -> series.AudienceOfTrack:
    """A track's audience. Raises Problem 404, BadInput."""
    name, ages, span, told, now = looked_at(conn, "tracks", uuid, query, person)
    return series.of_track(conn, str(uuid), name, ages, span, told, now)


def artist_audience(conn: Connection, uuid: UUID, query: AudienceQuery, person: Person) -> series.AudienceOfArtist:
    """An artist's audience. Raises Problem 404, BadInput."""
    name, ages, span, told, now = looked_at(conn, "artists", uuid, query, person)
    return series.of_artist(conn, str(uuid), name, ages, span, told, now)
