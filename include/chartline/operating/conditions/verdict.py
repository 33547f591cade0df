"""What is said of one condition, to whoever asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "error", "unknown"]


@dataclass(frozen=True)
class Subject:
    """A chart that a condition holds of, and why."""

    chart: str
    detail: str


@dataclass(frozen=True)
class Verdict:
    """A condition, as it is: `what` in a sentence or two; `advice`: what to do, empty where all is well; `count`: how
    many charts or fields it holds of, 0 where it is not of such."""

    name: str
    status: Status
    what: str
    advice: str = ""
    subjects: tuple[Subject, ...] = ()
    count: int = 0


@dataclass(frozen=True)
class OfCharts:
    """A condition that may hold of many charts: how bad it is, `many` (after how many) and `none`, and what to do."""

    name: str
    status: Status
    many: str
    none: str
    advice: str

    def verdict(self, subjects: Sequence[Subject]) -> Verdict:
        """It holds of these."""
        if not subjects:
            return Verdict(self.name, "ok", self.none)
        return Verdict(
            self.name, self.status, f"{len(subjects)} {self.many}", self.advice, tuple(subjects), len(subjects)
        )
