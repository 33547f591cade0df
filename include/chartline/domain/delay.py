"""How long after an interval's end a chart's ranking can be fetched, learned from when its rankings were found.

A call that came too early proves that the ranking was published later than that; one that finds the ranking at once
proves only that it was published before. So calls that came too early make the delay grow: a run that was late itself
hardly does, and never past 3 days.

1. Only days that were found within 3 days of their interval's end count, the newest 10; not what history brought.
2. A day that was asked for too early says: the time at which it was found, rounded up to 15 minutes. With two such days
   or more, the delay is what the second latest of them says, so that one bad day does not set it. With one alone: what
   it says, unless another day was found at once sooner.
3. A day found at once says the time of the call, rounded down to 15 minutes. When the last 7 days all were: the
   earliest of them, and, when that was tried for all 7, a sixteenth sooner (15 minutes at the least), so that a
   publisher who has become earlier is noticed. That costs about one early call a week and is why the delay changes
   seldom: each change is a new version of the DAG.
4. With no day asked for too early and fewer than 7 found: none.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from chartline.domain.grid import Grid

Observation = tuple[date, datetime, datetime | None]
"""A day, when its ranking was first found, and when it was last asked for too early (None: it was there at once)."""

LIVE = timedelta(days=3)
QUARTER = timedelta(minutes=15)
NEWEST = 10
SETTLED = 7
NONE = timedelta(0)


def learned_delay(observations: Iterable[Observation], grid: Grid) -> timedelta:
    """The delay after the end of `grid`'s intervals: 0 to 3 days, in quarters of an hour. Order does not matter."""
    live = [
        (late, not_yet is not None)
        for day, seen, not_yet in sorted(observations, reverse=True, key=lambda observation: observation[0])
        if (late := seen - grid.owner_end(day)) <= LIVE
    ][:NEWEST]
    in_vain = sorted((_rounded_up(late) for late, asked_in_vain in live if asked_in_vain), reverse=True)
    at_once = [_rounded_down(late) for late, asked_in_vain in live if not asked_in_vain]
    last = [late for late, asked_in_vain in live[:SETTLED] if not asked_in_vain]
    if len(last) == SETTLED:
        return _sooner([_rounded_down(late) for late in last])
    if not in_vain:
        return NONE
    if len(in_vain) == 1:
        return min([*in_vain, *at_once[:1]])
    return in_vain[1]


def _sooner(asked: list[timedelta]) -> timedelta:
    earliest = min(asked)
    if asked[-1] > earliest:  # that was tried for less than a week
        return earliest
    return max(NONE, earliest - max(QUARTER, _rounded_down(earliest / 16)))


def _rounded_down(late: timedelta) -> timedelta:
    return max(NONE, late // QUARTER * QUARTER)


def _rounded_up(late: timedelta) -> timedelta:
    return min(LIVE, max(NONE, -(-late // QUARTER) * QUARTER))
