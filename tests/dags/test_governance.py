"""What every DAG must have, so that a person on call knows whose it is, what it does and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chartline.domain import dag_ids

from .conftest import REPOSITORY, row

KNOWN_TAGS = {
    "chartline", "chart_sync", *(dag_ids.former(one) for one in dag_ids.STANDING), "config-error", "inactive",
    "daily", "weekly", "monthly", "custom", "worldwide", "spotify", "FR",
}  # fmt: skip
POOLS = {"chartline_rankings", "chartline_fetch", "default_pool"}
CALLS_THE_API = {
    "fetch_ranking", "track_metadata", "artist_metadata", "track_audience", "artist_audience", "refresh_catalogue",
    "refresh_calendars", "fetch_audience",
}  # fmt: skip


@pytest.fixture
def dags(follow: Callable[..., None], parse: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    follow(row("one"), row("two", sync_frequency="weekly", is_active=False), row("bad", sync_frequency="fortnightly"))
    return parse()


def _runs_at_once(dag_id: str) -> int:
    """A chart may have all windows of its past at once, which pools bound; runs by hand may wait for an answer."""
    return 100 if dag_ids.slug(dag_id) else 16 if dag_id in (dag_ids.CHART_CASCADE, dag_ids.AUDIENCE_REFRESH) else 4


def violations(dag: Any) -> list[str]:
    """What is wrong with a DAG, by the rules of this house."""
    found = []
    if dag.owner != "chartline":
        found.append("owner")
    if "chartline" not in dag.tags or not set(dag.tags) <= KNOWN_TAGS:
        found.append("tags")
    if len(dag.doc_md or "") < 100:
        found.append("doc_md")
    if dag.catchup:
        found.append("catchup")
    if not dag.max_active_runs or dag.max_active_runs > _runs_at_once(dag.dag_id):
        found.append("max_active_runs")
    for name, task in dag.task_dict.items():
        if task.pool not in POOLS or (name in CALLS_THE_API) != (task.pool != "default_pool"):
            found.append(f"{name}: pool")
        if task.execution_timeout is None:
            found.append(f"{name}: timeout")
        if "config-error" not in dag.tags and (task.retries < 1 or task.retry_policy is None):
            found.append(f"{name}: retries")
    return found


def test_the_dags_are_exactly_these(dags: dict[str, Any]) -> None:
    assert set(dags) == dag_ids.STANDING | {dag_ids.of_chart(slug) for slug in ("one", "two", "bad")}


def test_every_dag_file_is_known() -> None:
    assert {path.stem for path in (REPOSITORY / "dags").glob("*.py")} == {
        dag_ids.former(one) for one in dag_ids.STANDING
    } | {"chart_sync"}


def test_every_dag_keeps_the_rules(dags: dict[str, Any]) -> None:
    assert {name: found for name, dag in dags.items() if (found := violations(dag))} == {}


def test_the_rules_find_a_dag_that_breaks_them(tmp_path: Path) -> None:
    from airflow.sdk import DAG, task

    with DAG("sloppy", schedule=None, tags={"whatever"}, catchup=True, default_args={"owner": "someone"}) as dag:

        @task(pool="unheard_of")
        def fetch_ranking() -> None: ...

        fetch_ranking()
    assert {"owner", "tags", "doc_md", "catchup", "fetch_ranking: pool", "fetch_ranking: timeout"} <= set(
        violations(dag)
    )


def test_every_form_takes_a_name_whole(dags: dict[str, Any]) -> None:
    """A line feed behind a name is no part of it: it would be asked for, and billed."""
    from airflow.sdk.exceptions import ParamValidationError

    matched = []
    for dag in dags.values():
        for name in dag.params:
            param = dag.params.get_param(name)
            several = "items" in param.schema
            if "pattern" not in (param.schema["items"] if several else param.schema):
                continue
            good = "0b8cd290-92d7-4e2e-9f3d-4b3c1d9e0a11"
            for text, right in [(good, True), *((good + end, False) for end in ("\n", "\r\n", " "))]:
                value = [text] if several else text
                if right:
                    assert param.resolve(value) == value
                else:
                    with pytest.raises(ParamValidationError):
                        param.resolve(value)
            matched.append(f"{dag.dag_id}.{name}")
    assert {
        "chartline.chart_cascade.chart",
        "chartline.gap_audit.chart",
        "chartline.audience_refresh.tracks",
        "chartline.chart_catalog.platforms",
    } <= set(matched)


def test_the_triage_table_names_every_error_that_stops_a_run(dags: dict[str, Any]) -> None:
    from chartline import errors

    told = dags["chartline.chart_sync.one"].doc_md
    bases = (errors.TryLater, errors.StopRun, errors.AskPerson)
    named = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, bases) and e not in bases]
    assert len(named) > 10
    assert {error.kind for error in named if f"`{error.kind}`" not in told} == set()
