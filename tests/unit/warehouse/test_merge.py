from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chartline.warehouse.merge import Merged, MergeRule, MergeTable, _fold

TABLE = MergeTable(
    "things",
    ("a", "b"),
    {
        "id": MergeRule.GENERATED,
        "fill": MergeRule.FILL,
        "replace": MergeRule.REPLACE,
        "first": MergeRule.FIRST,
        "at": MergeRule.LATEST,
        "updated_at": MergeRule.STAMP,
    },
)
EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


def row(fill: Any, replace: Any, first: Any, at: Any, b: int = 1) -> dict[str, Any]:
    return {"a": 1, "b": b, "fill": fill, "replace": replace, "first": first, "at": at}


@pytest.mark.parametrize(
    ("batch", "folded"),
    [
        ([row("x", "x", "x", LATE), row(None, None, None, None)], [row("x", None, "x", LATE)]),
        ([row(None, None, None, None), row("x", "x", "x", EARLY)], [row("x", "x", "x", EARLY)]),
        ([row("x", "x", "x", LATE), row("y", "y", "y", EARLY)], [row("y", "y", "x", LATE)]),
        ([row("x", "x", "x", None), row("y", 1, 1, None, 2)], [row("x", "x", "x", None), row("y", 1, 1, None, 2)]),
        ([], []),
    ],
)  # fmt: skip
def test_rows_of_one_key_become_one_by_the_rules(batch: list[dict[str, Any]], folded: list[dict[str, Any]]) -> None:
    assert _fold(TABLE, batch) == folded


def test_what_the_database_gives_is_not_written() -> None:
    assert TABLE.writable == ("a", "b", "fill", "replace", "first", "at")


def test_counts_add_up() -> None:
    assert Merged(1, 2) + Merged(3, 4) == Merged(4, 6)
    assert Merged(3, 4).written == 7
