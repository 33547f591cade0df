"""Whether the API answers, and takes the account's credentials.

What the warehouse knows and what a look at the API has just told are both evidence: the newer counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from chartline.errors import ChartlineError, CredentialsRefused, NotConfigured, QuotaSpent, StopRun
from chartline.operating.conditions.verdict import Verdict
from chartline.soundcharts.client import SoundchartsClient
from chartline.soundcharts.endpoints import TEAM_USAGE
from chartline.warehouse.reads.account import AccountStanding

MISSING = "The Airflow connection soundcharts is missing or cannot be used."
REFUSED = "Soundcharts refuses the credentials"
ADVICE = (
    "Check login and password of the Airflow connection soundcharts under Admin > Connections (its Test button "
    "checks them), "
    "or AIRFLOW_CONN_SOUNDCHARTS; then clear the runs that failed. Nothing is fetched until then."
)


@dataclass(frozen=True)
class Reached:
    """What asking the API by its free call came to: `error` is None when it answered. `ms`: how long it took; `left`:
    calls of the quota, None where it did not say; `calls`: what was spent."""

    at: datetime
    ms: int
    error: ChartlineError | None
    left: int | None = None
    calls: tuple[Any, ...] = ()


def reach(client: Callable[[], SoundchartsClient]) -> Reached:
    """Ask it now. Raises nothing of its own."""
    started = monotonic()

    def reached(error: ChartlineError | None, left: int | None, calls: tuple[Any, ...]) -> Reached:
        return Reached(datetime.now(UTC), round((monotonic() - started) * 1000), error, left, calls)

    try:
        with client() as api:
            answer = api.get(TEAM_USAGE)
    except ChartlineError as trouble:
        return reached(trouble, 0 if isinstance(trouble, QuotaSpent) else None, trouble.calls)
    return reached(None, answer.calls[-1].quota_left, answer.calls)


def api(reached: Reached | None) -> Verdict:
    """Whether the API answers; of another thing than that an error says nothing here. reached: None without account."""
    if reached is None:
        return Verdict("api", "unknown", MISSING)
    error = reached.error
    if isinstance(error, NotConfigured):
        return Verdict("api", "unknown", error.what)
    if error is None or isinstance(error, StopRun):
        return Verdict("api", "ok", f"Soundcharts answered in {reached.ms} ms.")
    return Verdict("api", "error", error.what, error.advice or "Wait and look again; runs go on by themselves.")


def credentials(reached: Reached | None, account: AccountStanding | None) -> Verdict:
    """Whether the credentials are taken. account: None where the warehouse cannot be read."""
    if reached is None:
        return Verdict("credentials", "error", MISSING, ADVICE)
    error = reached.error
    if isinstance(error, NotConfigured):
        return Verdict("credentials", "error", error.what, error.advice or ADVICE)
    if isinstance(error, CredentialsRefused):
        return _refused(error.what)
    is_accepted = error is None or isinstance(error, StopRun)
    if account and account.refused_at and not (is_accepted and account.refused_at <= reached.at):
        return _refused(account.refusal)
    if error is None or isinstance(error, QuotaSpent):
        return Verdict("credentials", "ok", "Soundcharts accepts the credentials.")
    if isinstance(error, StopRun):
        return Verdict("credentials", "warning", error.what, error.advice)
    return Verdict("credentials", "unknown", "Soundcharts does not answer, so nothing is known of them.")


def _refused(why: str | None) -> Verdict:
    return Verdict("credentials", "error", f"{REFUSED}: {why}" if why else f"{REFUSED}.", ADVICE)
