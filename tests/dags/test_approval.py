"""The gate before large work: who is asked, what they read, and what a dry run leaves undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import DownstreamTasksSkipped, TaskAwaitingInput

from chartline import settings as chartline_settings
from chartline.cascade.ask import CascadeAsk
from chartline.dagbuild.approval import EstimateGate, markdown
from chartline.schedules.estimate import Estimate, Range


def an_estimate(calls: int, quota: int | None, about: str = "some chart") -> Estimate:
    return Estimate(
        about=about,
        calls={"ranking": Range.exactly(2), "track_metadata": Range(low=0, high=calls - 2)},
        per_minute=5000,
        quota_left=quota,
        notes=("A <b>note</b>",),
    )


class Instance:
    """A task instance: what is pushed to XCom."""

    id = "an-id"
    map_index = -1

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What Airflow was told to ask."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **told: found.append(told)
    )
    chartline_settings.settings.cache_clear()
    yield found
    chartline_settings.settings.cache_clear()


def run(estimate: Estimate | None, *, every: bool = True, **params: Any) -> Instance:
    with DAG("gated", schedule=None):
        gate = EstimateGate(task_id="estimate", estimate=lambda _: estimate, ignore_downstream_trigger_rules=every)
        after, last = (EstimateGate(task_id=name, estimate=lambda _: None) for name in ("after", "last"))
        gate >> after >> last
    instance = Instance()
    context = Context(ti=instance, task_instance=instance, params=params, task=gate)  # type: ignore[typeddict-item]
    gate.execute(context)
    return instance


@pytest.mark.parametrize("estimate", [an_estimate(200, 1000), an_estimate(10**6, None), None])
def test_small_or_unknown_work_passes_at_once(estimate: Estimate | None, asked: list[dict[str, Any]]) -> None:
    pushed = run(estimate).pushed
    assert asked == []
    assert set(pushed) == (set() if estimate is None else {"estimate"})


def test_large_work_waits_for_a_person_who_is_told_what_it_costs(asked: list[dict[str, Any]]) -> None:
    with pytest.raises(TaskAwaitingInput):
        run(an_estimate(201, 1000))
    [told] = asked
    assert told["subject"] == "some chart: 2 to 201 calls, up to 20% of the quota left"
    assert told["defaults"] == ["Reject"]
    assert "| track\\_metadata | 0 to 199 |" in told["body"]


@pytest.mark.parametrize(("every", "skipped"), [(True, {"after", "last"}), (False, {"after"})])
def test_a_dry_run_skips_what_follows_whatever_it_costs(
    every: bool, skipped: set[str], asked: list[dict[str, Any]]
) -> None:
    with pytest.raises(DownstreamTasksSkipped) as left:
        run(an_estimate(10**6, 10), every=every, dry_run=True)
    assert set(left.value.tasks) == skipped
    assert asked == []


def test_the_share_is_a_setting(monkeypatch: pytest.MonkeyPatch, asked: list[dict[str, Any]]) -> None:
    monkeypatch.setenv("CHARTLINE_APPROVAL_SHARE", "0.5")
    run(an_estimate(500, 1000))
    assert asked == []
    with pytest.raises(TaskAwaitingInput):
        run(an_estimate(501, 1000))


def test_text_from_elsewhere_stays_text() -> None:
    told = markdown(an_estimate(10, 1, "<script>alert(1)</script> [x](javascript:y)"))
    assert "<script" not in told
    assert "<b>" not in told
    assert "](" not in told


def test_the_cascade_has_a_dry_run_that_is_no_part_of_its_ask(parse: Callable[..., dict[str, Any]]) -> None:
    from chartline.dagbuild.on_demand import PARAMS

    dag = parse("chart_cascade.py")["chart_cascade"]
    param = dag.params.get_param("dry_run")
    assert (param.value, param.schema["type"]) == (False, "boolean")
    assert set(PARAMS) - {"dry_run"} <= set(CascadeAsk.model_fields)
    gate = dag.get_task("estimate")
    assert gate.execution_timeout is not None
    assert gate.response_timeout.days == 7
