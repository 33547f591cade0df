"""The DAG audience_refresh: its shape, its place in the queue, and what its form refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError

from chartline.domain.run_ids import looks_past, refresh_run_id

UUID = "0b8cd290-92d7-4e2e-9f3d-4b3c1d9e0a11"


@pytest.fixture
def dag(parse: Callable[..., dict[str, Any]]) -> Any:
    return parse("audience_refresh.py")["chartline.audience_refresh"]


def test_its_tasks_follow_each_other(dag: Any) -> None:
    assert {name: task.upstream_task_ids for name, task in dag.task_dict.items()} == {
        "estimate": set(),
        "plan_audience": {"estimate"},
        "fetch_audience": {"plan_audience"},
        "report_run": {"fetch_audience"},
    }
    assert dag.get_task("fetch_audience").pool == "chartline_fetch"
    assert dag.get_task("fetch_audience").is_mapped


def test_it_goes_before_the_past(dag: Any) -> None:
    from datetime import UTC, datetime

    assert not looks_past(refresh_run_id("tracks", UUID, datetime.now(UTC)))
    weight = dag.get_task("fetch_audience").priority_weight
    assert weight > 80  # more than any fetch of a chart's own run


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tracks", ["x"]),
        ("tracks", UUID),
        ("artists", [UUID + "0"]),
        ("charts", ["no/slug"]),
        ("platforms", ["cassette"]),
        ("platforms", ["spotify", "spotify"]),
        ("stale_only", "yes"),
        ("audience_days", 0),
    ],
)
def test_the_form_refuses(dag: Any, name: str, value: Any) -> None:
    param = dag.params.get_param(name)
    with pytest.raises(ParamValidationError):
        param.resolve(value)


def test_the_form_takes_what_is_right(dag: Any) -> None:
    assert dag.params.get_param("tracks").resolve([UUID]) == [UUID]
    assert dag.params.get_param("platforms").resolve(["spotify", "facebook"]) == ["spotify", "facebook"]
