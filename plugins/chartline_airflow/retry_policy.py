"""What Airflow does with a named failure: wait as long as it says, or stop at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Context, RetryDecision, RetryPolicy

from chartline.errors import AskPerson, SkipItem, StopRun, TryLater


class ByName(RetryPolicy):
    """The error's own class decides: TryLater waits its `after`, anything a person must mend fails at once."""

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """See airflow.sdk.RetryPolicy: runs in the task's process; `retries` still bounds it."""
        if isinstance(exception, TryLater):
            return RetryDecision.retry(
                delay=timedelta(seconds=exception.after), reason=f"{exception.kind}: {exception.what}"
            )
        if isinstance(exception, StopRun | AskPerson | SkipItem):
            return RetryDecision.fail(reason=f"{exception.kind}: {exception}")
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """It has no settings."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> ByName:
        """See serialize."""
        return cls()
