"""A schedule as it was read: the schedule, or why its row is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chartline.domain import dag_ids
from chartline.domain.schedule import Schedule
from chartline.errors import BadInput


@dataclass(frozen=True, slots=True)
class ReadSchedule:
    """One schedule, or (`schedule` is None) the `error` of its row: `field: reason`, several joined by `; `.

    `left`: the chart is not followed any more, and its runs are to be ended.
    """

    slug: str
    schedule: Schedule | None = None
    error: str = ""
    row: Mapping[str, Any] | None = None
    left: bool = False

    @property
    def dag_id(self) -> str:
        """The DAG that is made of this line, be it the schedule's or the one that says what is wrong."""
        return dag_ids.of_chart(self.slug)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> ReadSchedule:
        """The line of a row, valid or not."""
        slug = str(row.get("slug", ""))
        if row.get("left"):
            return cls(slug, error="It is not followed any more; its runs are ended.", left=True)
        try:
            return cls(slug, Schedule.of(row))
        except BadInput as wrong:
            return cls(slug, error="; ".join(wrong.what.splitlines()), row=row)
