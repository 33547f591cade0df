"""Who pays for what charts share."""

from __future__ import annotations

from itertools import permutations

import pytest

from chartline.local.summary import payers

CHARTS = ["a", "b", "c"]


def test_nothing_shared_keeps_the_order() -> None:
    assert payers(CHARTS, []) == CHARTS


@pytest.mark.parametrize("true_order", list(permutations(CHARTS)))
def test_the_order_of_claims_is_found(true_order: tuple[str, ...]) -> None:
    paid = [(first, later) for place, first in enumerate(true_order) for later in true_order[place + 1 :]]
    assert payers(CHARTS, paid) == list(true_order)


def test_two_that_paid_for_each_other_change_nothing() -> None:
    assert payers(CHARTS, [("a", "b"), ("b", "a")]) == CHARTS


def test_a_ring_keeps_the_order() -> None:
    assert payers(CHARTS, [("a", "b"), ("b", "c"), ("c", "a")]) == CHARTS


def test_charts_that_are_not_followed_any_more_do_not_count() -> None:
    found = payers(CHARTS, [("gone", "a"), ("c", "gone"), ("c", "a")])
    assert sorted(found) == CHARTS
    assert found.index("c") < found.index("a")
