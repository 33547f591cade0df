"""The gate before large work: who is asked, what they read, and what a dry run leaves undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import DownstreamTasksSkipped, TaskAwaitingInput

from chartline import settings as chartline_settings
from chartline.alerts import telling
from chartline.alerts.webhooks import Outcome
from chartline.costs.model import Estimate, Range
from chartline.domain.asks import CascadeAsk
from chartline.settings import Settings
from chartline.warehouse.connect import connect
from chartline_airflow import notifier
from chartline_airflow.dagbuild import runtime
from chartline_airflow.dagbuild.approval import EstimateGate, markdown


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
    dag_id, run_id, task_id = "gated", "r1", "estimate"

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
    context: Any = {"ti": instance, "task_instance": instance, "params": params, "task": gate}
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


class Channel:
    """Hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str]] = []

    def send(self, message: Any, number: str) -> Outcome:
        self.heard.append((message["event"], message["alert"]["title"], message["link"]))
        return Outcome(True)


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch, warehouse_url: str) -> Channel:
    """Who is told, with a warehouse to keep what is told in."""
    one = Channel()
    monkeypatch.setattr(notifier, "channels", lambda _: {"pager": one})
    monkeypatch.setattr(notifier, "base_url", lambda: "https://airflow.example")
    monkeypatch.setattr(runtime, "warehouse_dsn", lambda: warehouse_url)
    return one


def test_a_held_approval_is_told_at_once_and_solved_when_it_is_answered(
    asked: list[dict[str, Any]], channel: Channel, warehouse_url: str
) -> None:
    with pytest.raises(TaskAwaitingInput):
        run(an_estimate(201, 1000))
    title = "Waiting for approval: some chart: 2 to 201 calls, up to 20% of the quota left"
    link = "https://airflow.example/dags/gated/runs/r1/tasks/estimate/required_actions"
    assert channel.heard == [("opened", title, link)]
    with connect(warehouse_url) as conn:
        conn.autocommit = True
        assert telling.update(conn, Settings(), channels=["pager"], awaited=lambda alert: False) == []  # just asked
        conn.execute("update chartline.alert set opened_at = opened_at - interval '5 minutes'")
        assert telling.update(conn, Settings(), channels=["pager"]) == []
    gate = EstimateGate(task_id="estimate", estimate=lambda _: None)
    instance = Instance()
    context: Any = {"ti": instance, "task_instance": instance, "params": {}, "task": gate}
    event = {
        "chosen_options": ["Approve"],
        "params_input": {},
        "responded_at": datetime(2026, 11, 20, tzinfo=UTC),
        "responded_by_user": {"id": "anna", "name": "anna"},
    }
    gate.execute_complete(context, event)
    assert [heard[0] for heard in channel.heard] == ["opened", "solved"]


def test_a_question_that_airflow_no_longer_asks_is_solved_by_the_next_look(
    asked: list[dict[str, Any]], channel: Channel, warehouse_url: str
) -> None:
    with pytest.raises(TaskAwaitingInput):
        run(an_estimate(201, 1000))
    with connect(warehouse_url) as conn:
        conn.autocommit = True
        conn.execute("update chartline.alert set opened_at = opened_at - interval '5 minutes'")
        [event] = telling.update(conn, Settings(), channels=["pager"], awaited=lambda alert: False)
    assert (event.event, event.alert.kind, event.alert.subject) == ("solved", "approval", "gated/r1/estimate")


def test_only_those_whom_the_settings_name_may_answer(
    monkeypatch: pytest.MonkeyPatch, asked: list[dict[str, Any]], channel: Channel
) -> None:
    with pytest.raises(TaskAwaitingInput):
        run(an_estimate(201, 1000))
    chartline_settings.settings.cache_clear()
    monkeypatch.setenv("CHARTLINE_APPROVERS", "anna, ben")
    with pytest.raises(TaskAwaitingInput):
        run(an_estimate(201, 1000))
    assert [told["assigned_users"] for told in asked] == [
        None,
        [{"id": "anna", "name": "anna"}, {"id": "ben", "name": "ben"}],
    ]


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
    from chartline_airflow.dagbuild.chart_cascade import PARAMS

    dag = parse("chart_cascade.py")["chartline.chart_cascade"]
    param = dag.params.get_param("dry_run")
    assert (param.value, param.schema["type"]) == (False, "boolean")
    assert set(PARAMS) - {"dry_run"} <= set(CascadeAsk.model_fields)
    gate = dag.get_task("estimate")
    assert gate.execution_timeout is not None
    assert gate.response_timeout.days == 7
