from __future__ import annotations

import pytest

from chartline.domain import dag_ids


@pytest.mark.parametrize("slug", ["one", "a.b-c_d", "x" * 300, "späte chärts", "a/b", ""])
def test_every_slug_has_a_dag_of_its_own(slug: str) -> None:
    dag_id = dag_ids.of_chart(slug)
    assert dag_ids.is_ours(dag_id)
    assert len(dag_id) <= 250, "what Airflow holds"
    assert dag_ids.slug(dag_id) == dag_id.removeprefix(dag_ids.CHART_SYNC)
    assert dag_id not in {dag_ids.of_chart(other) for other in ("two", "x" * 301, "spate charts", "a_b")}


def test_only_own_dags_are_ours() -> None:
    assert all(map(dag_ids.is_ours, dag_ids.STANDING))
    assert not dag_ids.is_ours("somebodys")
    assert {dag_ids.slug(other) for other in (*dag_ids.STANDING, "somebodys")} == {None}
