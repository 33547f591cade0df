"""A number and its noun agree."""

from __future__ import annotations

import pytest

from chartline.wording import counted, noun


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 weeks"), (1, "1 week"), (2, "2 weeks"), (1200, "1,200 weeks"), (-1, "-1 weeks")]
)
def test_a_number_and_its_noun_agree(count: int, text: str) -> None:
    assert counted(count, "week") == text


def test_a_noun_with_another_plural() -> None:
    assert counted(1, "entry", "entries") == "1 entry"
    assert counted(2, "entry", "entries") == "2 entries"
    assert noun(3, "has", "have") == "have"
