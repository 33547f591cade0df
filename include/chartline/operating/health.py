"""Whether Chartline is well: one check a thing, each with what to do where it is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from chartline import places
from chartline.domain import dag_ids
from chartline.errors import ChartlineError
from chartline.operating import airflow_work
from chartline.operating.airflow_work import ParseWatch, Seen
from chartline.operating.conditions import account, answers, followed, quota, stored
from chartline.operating.conditions.account import Reached
from chartline.operating.conditions.verdict import OfCharts, Status, Subject, Verdict
from chartline.operating.reparse import AskApi
from chartline.settings import Settings
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse import calls, schema
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import account as rows
from chartline.warehouse.reads import health

SHOWN = 20
API_SECONDS = 60.0
"""For so long an answer about the API is good: health is asked often, and by many."""
AIRFLOW_SECONDS = 10.0
"""The same for what Airflow does."""
WORST: tuple[Status, ...] = ("error", "warning", "unknown", "ok")


class Check(BaseModel):
    """One check. `advice`: what to do, empty where all is well; `count`: of how many charts or
    fields; `subjects`: the first `SHOWN` charts."""

    name: str
    status: Status
    detail: str
    advice: str = ""
    count: int = 0
    subjects: list[Subject] = []

    @classmethod
    def of(cls, verdict: Verdict) -> Check:
        """What is to be said of a condition."""
        return cls(
            name=verdict.name,
            status=verdict.status,
            detail=verdict.what,
            advice=verdict.advice,
            count=verdict.count,
            subjects=list(verdict.subjects[:SHOWN]),
        )


class Health(BaseModel):
    """All checks; `status` is the worst of them."""

    status: Status
    at: datetime
    checks: list[Check]
    last_success: datetime | None = None


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
                reached = account.reach(client)
                if conn is not None and reached.calls:
                    calls.record(conn, reached.calls, None)
                self._last = (time.monotonic(), reached)
            return self._last[1]
        finally:
            self._lock.release()

    def forget(self) -> None:
        """Ask anew the next time."""
        with self._lock:
            self._last = None


def check_all(
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
    seen = rows.see(conn) if conn else None
    checks += [Check.of(account.api(reached)), Check.of(account.credentials(reached, seen))]
    if conn is not None and seen is not None:
        follows = followed.judge(conn, settings, now)
        totals = health.totals(conn)
        last_success = totals.last_success
        verdicts = [
            *followed.verdicts(follows),
            followed.last_success(last_success, follows.values(), now),
            quota.verdict(seen.left, quota.forecast(conn, seen, now)),
            answers.judge(conn, now),
            stored.judge(conn),
        ]
        checks += map(Check.of, verdicts)
    else:
        names = ("quarantined", "overdue", "failing", "last_success", "quota", "answers", "data")
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


WAITING = OfCharts(
    "waiting_runs",
    "warning",
    "runs wait for a logical date in the future.",
    "No run waits for a logical date in the future.",
    airflow_work.WAITING_ADVICE,
)


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
                        Check(name=name, status="unknown", detail="Airflow's API does not say.")
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
    waiting = [Subject(chart=dag_ids.slug(run.dag_id) or run.dag_id, detail=run.text) for run in seen.waiting]
    again, late = watch.saw(seen.parsed_at, now), airflow_work.ahead(places.dags_folder(), now)
    files = Check(name="dag_files", status="ok", detail="The DAG files are parsed now and then.")
    if late:
        detail = f"The time of DAG files lies ahead of the clock: {airflow_work.listed(late)}."
        files = Check(name="dag_files", status="warning", detail=detail, advice=airflow_work.AHEAD_ADVICE)
    elif again:
        detail = "Airflow parses the charts' DAG file again and again."
        files = Check(name="dag_files", status="warning", detail=detail, advice=airflow_work.PARSED_ADVICE)
    return [Check.of(WAITING.verdict(waiting)), files]
