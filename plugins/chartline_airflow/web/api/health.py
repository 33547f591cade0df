"""Whether Chartline is well, and what to do where it is not."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime

from fastapi import APIRouter

from chartline.errors import NotConfigured
from chartline.operating import health
from chartline.operating.conditions.account import Reached
from chartline.operating.health import AirflowProbe, ApiProbe, Check, Health
from chartline.settings import settings
from chartline.soundcharts.client import SoundchartsClient
from chartline.soundcharts.limiter import NoLimiter
from chartline.warehouse.connect import Connection
from chartline_airflow.hook import SoundchartsHook
from chartline_airflow.web import warehouse
from chartline_airflow.web.access import Reader
from chartline_airflow.web.airflow_api import AirflowApi
from chartline_airflow.web.problems import Problem

router = APIRouter(prefix="/health", tags=["health"])

SECONDS = 5.0
"""How long an answer of the API is waited for: whoever asks for health waits as long."""

probe = ApiProbe()
airflow_probe = AirflowProbe()
"""One for the process, each."""


@router.get("/")
def check_health(airflow: AirflowApi, _: Reader) -> Health:
    """Checks the warehouse, its schema, the API (by its free call, at most once a minute), the credentials,
    quarantined, overdue and failing charts, the last success, the quota, runs that Airflow holds until a date in the
    future, and DAG files that are parsed again and again. Always 200 when Airflow answers: `status` is the worst of the
    checks."""
    hook = SoundchartsHook()
    with ExitStack() as held:

        def connect() -> Connection:
            return held.enter_context(warehouse.pool(warehouse.url()).connection())

        def reach(conn: Connection | None) -> Reached:
            return probe.ask(lambda: _client(hook), conn)

        def work() -> list[Check]:
            return airflow_probe.ask(airflow.ask, Problem)

        return health.check_all(connect, reach if _has_account(hook) else None, settings(), datetime.now(UTC), work)


def _has_account(hook: SoundchartsHook) -> bool:
    try:
        return bool(hook.account)
    except NotConfigured:
        return False


def _client(hook: SoundchartsHook) -> SoundchartsClient:
    """A client that does not wait long, and asks once."""
    own = settings().model_copy(update={"connect_timeout": SECONDS, "read_timeout": SECONDS, "call_retries": 0})
    return SoundchartsClient(hook.account, limiter=NoLimiter(), session_factory=hook.get_conn, settings=own)
