from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from chartline.domain import dag_ids
from chartline.identifiers import SLUG


@given(st.from_regex(SLUG, fullmatch=True))
def test_a_slug_that_is_taken_becomes_a_dag_id_as_it_is(slug: str) -> None:
    assert dag_ids.of_chart(slug[:200]) == f"chartline.chart_sync.{slug[:200]}"


@given(st.text())
def test_any_text_becomes_a_dag_id_that_airflow_takes(slug: str) -> None:
    found = dag_ids.of_chart(slug)
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", found)
    assert len(found) <= 250


def test_slugs_that_are_made_fit_do_not_collide() -> None:
    assert len({dag_ids.of_chart(slug) for slug in ("a b", "a/b", "a_b", "a~b")}) == 4


def test_all_are_known_by_the_products_name() -> None:
    ours = {*dag_ids.STANDING, dag_ids.of_chart("one")}
    assert all(map(dag_ids.is_ours, ours))
    assert all(one.startswith("chartline.") for one in ours)
    assert not any(map(dag_ids.is_ours, ("somebodys", "chart_sync.one", "gap_audit", "chartline.theirs")))


def test_only_a_charts_own_dag_tells_a_slug() -> None:
    assert dag_ids.slug(dag_ids.of_chart("a.b-c_d")) == "a.b-c_d"
    assert {dag_ids.slug(other) for other in (*dag_ids.STANDING, "somebodys", "chart_sync.one")} == {None}


def test_an_id_of_before_is_known_as_the_one_of_today() -> None:
    for one in (*dag_ids.STANDING, dag_ids.of_chart("chartline.x")):
        assert dag_ids.today(dag_ids.former(one)) == dag_ids.today(one) == one
        assert dag_ids.former(dag_ids.former(one)) == dag_ids.former(one)
        assert (dag_ids.is_former(one), dag_ids.is_former(dag_ids.former(one))) == (False, True)
    assert not dag_ids.is_former("somebodys")
