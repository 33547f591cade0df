"""Whether Chartline is well: one check a thing, each with what to do where it is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel

from chartline import places
from chartline.domain.schedule import DAG_PREFIX
from chartline.errors import ChartlineError, CredentialsRefused, NotConfigured, NotInPlan, QuotaSpent, StopRun
from chartline.operating import airflow_work, drift, quota, standing
from chartline.operating.airflow_work import ParseWatch, Seen
from chartline.operating.reparse import AskApi
from chartline.operating.standing import Followed
from chartline.settings import Settings
from chartline.soundcharts.client import SoundchartsClient
from chartline.soundcharts.endpoints import TEAM_USAGE
from chartline.warehouse import calls, schema
from chartline.warehouse.connect import Connection
from chartline.warehouse.drift import DriftStanding
from chartline.warehouse.reads import health

Status = Literal["ok", "warning", "error", "unknown"]

SHOWN = 20
FAILING = 2
"""Runs of a chart that failed in a row, from which on it counts as failing."""
API_SECONDS = 60.0
"""For so long an answer about the API is good: health is asked often, and by many."""
AIRFLOW_SECONDS = 10.0
"""The same for what Airflow does."""
WORST: tuple[Status, ...] = ("error", "warning", "unknown", "ok")


class Subject(BaseModel):
    """What a check is about: a chart and what is to be said of it."""

    chart: str
    detail: str


class Check(BaseModel):
    """One check. `advice`: what to do, empty where all is well; `subjects`: the first `SHOWN` of `count` charts."""

    name: str
    status: Status
    detail: str
    advice: str = ""
    count: int = 0
    subjects: list[Subject] = []


class Health(BaseModel):
    """All checks; `status` is the worst of them."""

    status: Status
    at: datetime
    checks: list[Check]
    last_success: datetime | None = None


@dataclass(frozen=True)
class Reached:
    """What asking the API came to: `error` is None when it answered. `ms`: how long it took."""

    at: datetime
    ms: int
    error: ChartlineError | None


class ApiProbe:
    """Asks the API by its free call, at most once in `API_SECONDS`, whoever wants to know. Thread-safe: while one asks,
    the others have what was said before, and wait only where that is nothing."""

    def __init__(self, seconds: float = API_SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._last: tuple[float, Reached] | None = None

    def ask(self, client: Callable[[], SoundchartsClient], conn: Connection | None) -> Reached:
        """What the API says, or said a moment ago. `conn`: where the call is recorded, None: nowhere."""
        before = self._last
        if not self._lock.acquire(blocking=before is None):
            assert before is not None
            return before[1]
        try:
            if self._last is None or time.monotonic() - self._last[0] > self._seconds:
                self._last = (time.monotonic(), _reach(client, conn))
            return self._last[1]
        finally:
            self._lock.release()

    def forget(self) -> None:
        """Ask anew the next time."""
        with self._lock:
            self._last = None


def _reach(client: Callable[[], SoundchartsClient], conn: Connection | None) -> Reached:
    at, started = datetime.now(UTC), time.monotonic()
    made: Sequence[Any] = ()
    error = None
    try:
        with client() as api:
            made = api.get(TEAM_USAGE).calls
    except ChartlineError as trouble:
        error, made = trouble, trouble.calls
    ms = round((time.monotonic() - started) * 1000)
    if conn is not None and made:
        calls.record(conn, made, None)
    return Reached(at, ms, error)


def look(
    connect: Callable[[], Connection],
    reach: Callable[[Connection | None], Reached] | None,
    settings: Settings,
    now: datetime,
    work: Callable[[], list[Check]] | None = None,
) -> Health:
    """Everything, in eleven queries. connect: gives a connection in autocommit, or raises WarehouseUnavailable,
    SchemaMismatch or NotConfigured; reach: asks the API, None where no account is set; work: gives the checks of
    what Airflow does, see `of_airflow`. Raises nothing of its own: what
    cannot be looked at is unknown, and the check before it says why."""
    checks: list[Check] = []
    conn: Connection | None = None
    last_success = None
    try:
        conn = connect()
        schema.check(conn)
        checks += _of_warehouse(None)
    except ChartlineError as trouble:
        checks += _of_warehouse(trouble)
        conn = None
    reached = reach(conn) if reach else None
    checks += _of_api(reached)
    if conn is not None:
        follows = standing.followed(conn, settings, now)
        totals = health.totals(conn)
        last_success = totals.last_success
        checks += [
            _quarantined(follows),
            _overdue(follows),
            _failing(follows),
            _last_success(totals, follows, now),
            _quota(quota.forecast(conn, now)),
            _answers(drift.look(conn, now)),
        ]
    else:
        names = ("quarantined", "overdue", "failing", "last_success", "quota", "answers")
        checks += [Check(name=name, status="unknown", detail="The warehouse cannot be read.") for name in names]
    checks += work() if work else []
    worst = min((WORST.index(check.status) for check in checks), default=len(WORST) - 1)
    return Health(status=WORST[worst], at=now, checks=checks, last_success=last_success)


def _of_warehouse(trouble: ChartlineError | None) -> list[Check]:
    if trouble is None:
        return [
            Check(name="warehouse", status="ok", detail="PostgreSQL answers."),
            Check(name="schema", status="ok", detail=f"The schema is at {schema.head()}, as this code needs it."),
        ]
    if trouble.kind == "schema_mismatch":
        return [
            Check(name="warehouse", status="ok", detail="PostgreSQL answers."),
            Check(name="schema", status="error", detail=trouble.what, advice=trouble.advice),
        ]
    return [
        Check(name="warehouse", status="error", detail=trouble.what, advice=trouble.advice),
        Check(name="schema", status="unknown", detail="The warehouse cannot be read."),
    ]


def _of_api(reached: Reached | None) -> list[Check]:
    if reached is None:
        missing = "The Airflow connection soundcharts is missing or cannot be used."
        advice = "Set it under Admin > Connections, or by AIRFLOW_CONN_SOUNDCHARTS; its Test button tells more."
        return [
            Check(name="api", status="unknown", detail=missing),
            Check(name="credentials", status="error", detail=missing, advice=advice),
        ]
    error = reached.error
    answered = Check(name="api", status="ok", detail=f"Soundcharts answered in {reached.ms} ms.")
    if error is None:
        return [answered, Check(name="credentials", status="ok", detail="Soundcharts accepts the credentials.")]
    if isinstance(error, CredentialsRefused | NotConfigured):
        advice = error.advice or "Check login and password of the Airflow connection soundcharts."
        return [
            answered
            if isinstance(error, CredentialsRefused)
            else Check(name="api", status="unknown", detail=error.what),
            Check(name="credentials", status="error", detail=error.what, advice=advice),
        ]
    if isinstance(error, QuotaSpent | NotInPlan | StopRun):
        return [answered, Check(name="credentials", status="warning", detail=error.what, advice=error.advice)]
    advice = error.advice or "Wait and look again; runs go on by themselves."
    return [
        Check(name="api", status="error", detail=error.what, advice=advice),
        Check(name="credentials", status="unknown", detail="Soundcharts does not answer, so nothing is known of them."),
    ]


class AirflowProbe:
    """Asks Airflow what it does with our DAGs, at most once in `AIRFLOW_SECONDS`, whoever wants to know."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: tuple[float, list[Check]] | None = None
        self._watch = ParseWatch()

    def ask(self, api: AskApi, troubles: Any) -> list[Check]:
        """The checks. `troubles`: what `api` may raise; then nothing is known, and the next who asks has it asked."""
        with self._lock:
            if self._last is None or time.monotonic() - self._last[0] > AIRFLOW_SECONDS:
                now = datetime.now(UTC)
                try:
                    seen = airflow_work.see(api, now)
                except troubles:
                    return [
                        Check(name=name, status="unknown", detail="Airflow's API does not tell.")
                        for name in ("waiting_runs", "dag_files")
                    ]
                self._last = (time.monotonic(), of_airflow(seen, self._watch, now))
            return self._last[1]

    def forget(self) -> None:
        """Ask anew the next time."""
        with self._lock:
            self._last, self._watch = None, ParseWatch()


def of_airflow(seen: Seen, watch: ParseWatch, now: datetime) -> list[Check]:
    """What is to be said of what Airflow does."""
    waiting = [Subject(chart=run.dag_id.removeprefix(DAG_PREFIX), detail=run.text) for run in seen.waiting]
    again, late = watch.saw(seen.parsed_at, now), airflow_work.ahead(places.dags_folder(), now)
    files = Check(name="dag_files", status="ok", detail="The DAG files are parsed now and then.")
    if late:
        detail = f"The time of DAG files lies ahead of the clock: {airflow_work.listed(late)}."
        files = Check(name="dag_files", status="warning", detail=detail, advice=airflow_work.AHEAD_ADVICE)
    elif again:
        detail = "Airflow parses the charts' DAG file again and again."
        files = Check(name="dag_files", status="warning", detail=detail, advice=airflow_work.PARSED_ADVICE)
    return [
        _about(
            "waiting_runs",
            waiting,
            "warning",
            "runs wait for a logical date in the future.",
            "No run waits for a logical date in the future.",
            airflow_work.WAITING_ADVICE,
        ),
        files,
    ]


def _about(name: str, found: Sequence[Subject], status: Status, what: str, well: str, advice: str) -> Check:
    if not found:
        return Check(name=name, status="ok", detail=well)
    return Check(
        name=name,
        status=status,
        detail=f"{len(found)} {what}",
        advice=advice,
        count=len(found),
        subjects=list(found[:SHOWN]),
    )


def _quarantined(follows: dict[str, Followed]) -> Check:
    found = [Subject(chart=one.slug, detail=one.error) for one in follows.values() if one.state == "quarantined"]
    advice = "Mend the settings on the chart's page, or with: chartline schedules change SLUG ..."
    return _about("quarantined", found, "error", "schedules cannot be used.", "Every schedule can be used.", advice)


def _overdue(follows: dict[str, Followed]) -> Check:
    found = [
        Subject(
            chart=one.slug, detail=f"{one.overdue.day}, due {one.overdue.due_at:%Y-%m-%d %H:%M}: {one.overdue.reason}"
        )
        for one in sorted(follows.values(), key=lambda one: one.overdue.due_at.timestamp() if one.overdue else 0)
        if one.overdue
    ]
    advice = "Look at the last run of each; sync it now from its page. If no run starts, is Airflow's scheduler up?"
    return _about("overdue", found, "warning", "charts are overdue.", "No chart is overdue.", advice)


def _failing(follows: dict[str, Followed]) -> Check:
    found = [
        Subject(
            chart=one.slug,
            detail=f"{one.standing.failures} runs failed in a row: {_line(one.standing.failed_with) or 'no reason'}",
        )
        for one in sorted(follows.values(), key=lambda one: -one.standing.failures)
        if one.standing.failures >= FAILING and one.state != "paused"
    ]
    advice = "Open the newest failed run: its error says what to do. Then retry it."
    return _about("failing", found, "error", "charts fail again and again.", "No chart fails again and again.", advice)


def _last_success(totals: health.Totals, follows: dict[str, Followed], now: datetime) -> Check:
    """Runs end well as often as the quickest schedule asks for them, and a day more."""
    active = [one for one in follows.values() if one.state in ("active", "overdue") and one.schedule]
    if totals.last_success is None:
        status: Status = "warning" if active else "ok"
        advice = "See the newest runs for why." if active else ""
        return Check(name="last_success", status=status, detail="No run has ended well yet.", advice=advice)
    ago = now - totals.last_success
    detail = f"The last run that went well ended {totals.last_success:%Y-%m-%d %H:%M} UTC."
    periods = [_period(one) for one in active]
    if periods and ago > min(periods) + timedelta(days=1):
        return Check(
            name="last_success",
            status="error",
            detail=f"{detail} That is longer ago than any schedule allows.",
            advice="Is Airflow's scheduler up, and are the DAGs unpaused? See the newest runs.",
        )
    return Check(name="last_success", status="ok", detail=detail)


def _period(one: Followed) -> timedelta:
    assert one.schedule is not None
    grid = one.schedule.grid
    boundary = grid.floor(one.schedule.created_at)
    return grid.next(boundary) - boundary + one.schedule.publication_delay


def _quota(forecast: quota.Forecast) -> Check:
    if forecast.enough is None:
        return Check(name="quota", status="unknown", detail="No answer of the API has told yet what is left.")
    left = forecast.need_regular + (forecast.left_regular or 0)
    detail = f"{left:,} calls are left; until {forecast.until} about {forecast.need_regular:,} are needed."
    if left <= 0:
        return Check(
            name="quota", status="error", detail="No call is left.", advice="Nothing comes until the quota is renewed."
        )
    if not forecast.enough:
        return Check(
            name="quota",
            status="warning",
            detail=detail,
            advice="Follow fewer charts or platforms, sync less often, or have the quota raised: docs/howto/cost.md",
        )
    return Check(name="quota", status="ok", detail=detail)


def _answers(found: Sequence[DriftStanding]) -> Check:
    """Whether the API's answers are as they were."""
    if not drift.is_gone(found):
        return Check(name="answers", status="ok", detail=drift.summary(found))
    count = next(one.count for one in found if one.kind == "gone")
    return Check(name="answers", status="warning", detail=drift.summary(found), advice=drift.ADVICE, count=count)


def _line(text: str | None) -> str:
    return " ".join((text or "").split())[:300]
