"""Who pays for what charts share."""

from __future__ import annotations

from dataclasses import asdict
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace

import pytest

from chartline.local.stack import Stack
from chartline.local.summary import addresses, payers


def test_the_password_is_shown_when_asked_for_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = Stack(tmp_path)
    monkeypatch.setattr(stack, "airflow", SimpleNamespace(web="http://127.0.0.1:1"), raising=False)
    assert stack.secrets.admin in addresses(stack, with_password=True)
    told = addresses(stack, with_password=False)
    assert str(stack.logins) in told
    assert not [value for value in asdict(stack.secrets).values() if value in told]


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
