"""What an estimate says: a range for each kind of call, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, computed_field

from chartline.settings import Settings

Whole = Annotated[int, Field(ge=0)]


class Range(BaseModel):
    """From `low` to `high`, both included; equal where the number is exact."""

    model_config = ConfigDict(frozen=True)

    low: Whole
    high: Whole

    @classmethod
    def exactly(cls, number: int) -> Self:
        """One number."""
        return cls(low=number, high=number)

    def __add__(self, other: Range) -> Range:
        return Range(low=self.low + other.low, high=self.high + other.high)

    def __str__(self) -> str:
        return f"{self.low:,}" if self.low == self.high else f"{self.low:,} to {self.high:,}"


NOTHING = Range(low=0, high=0)


class Estimate(BaseModel):
    """The cost of some work. `calls` by kind, such as `ranking` or `track_audience spotify`; what costs none is left
    out. `quota_left` is None when no answer of the API has said so yet. `before`: the calls of work that was asked for
    before, in small parts, and is weighed together with this one."""

    model_config = ConfigDict(frozen=True)

    about: str
    calls: dict[str, Range]
    per_minute: int = Field(gt=0)
    quota_left: Whole | None = None
    before: Whole = 0
    storage_bytes: Range = NOTHING
    notes: tuple[str, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def total(self) -> Range:
        """All calls."""
        return sum(self.calls.values(), NOTHING)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def minutes(self) -> float:
        """How long the calls take at the account's limit, at the most."""
        return round(self.total.high / self.per_minute, 1)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def share(self) -> float | None:
        """Of the quota left, at the most; above 1: more than is left. None when the quota is not known."""
        if self.quota_left is None:
            return None
        return self.total.high / max(self.quota_left, 1)

    def needs_approval(self, settings: Settings) -> bool:
        """Whether a person should say yes first: the one place where that is decided."""
        if self.quota_left is None:
            return False
        return (self.before + self.total.high) / max(self.quota_left, 1) > settings.approval_share

    @classmethod
    def together(cls, about: str, estimates: Iterable[Estimate]) -> Estimate:
        """Several works as one. What they share is counted for each, so that the sum errs on the high side.

        At least one estimate.
        """
        parts = list(estimates)
        calls: dict[str, Range] = {}
        for part in parts:
            for kind, count in part.calls.items():
                calls[kind] = calls.get(kind, NOTHING) + count
        return cls(
            about=about,
            calls=calls,
            per_minute=parts[0].per_minute,
            quota_left=parts[0].quota_left,
            storage_bytes=sum((part.storage_bytes for part in parts), NOTHING),
            notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        )
