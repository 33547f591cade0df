"""What Airflow does with each kind of failure."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk import RetryAction

from chartline import errors
from chartline_airflow.retry_policy import ByName


def decide(error: BaseException) -> tuple[RetryAction, timedelta | None]:
    decision = ByName().evaluate(error, 1, 3)
    return decision.action, decision.retry_delay


def test_trouble_that_passes_waits_as_long_as_it_says() -> None:
    assert decide(errors.RateLimited("busy", after=42)) == (RetryAction.RETRY, timedelta(seconds=42))


@pytest.mark.parametrize(
    "error",
    [
        errors.CredentialsRefused("no"),
        errors.NotInPlan("no"),
        errors.QuotaSpent("no"),
        errors.SchemaMismatch("old"),
        errors.BadInput("wrong", field="day"),
        errors.ContractBroken("odd", field="items"),
    ],
)
def test_what_a_person_must_mend_fails_at_once(error: Exception) -> None:
    assert decide(error)[0] is RetryAction.FAIL


def test_anything_else_is_the_tasks_own_affair() -> None:
    assert decide(ValueError("?"))[0] is RetryAction.DEFAULT


def test_serialising_and_back_is_the_same_policy() -> None:
    assert isinstance(ByName.deserialize(ByName().serialize()), ByName)
