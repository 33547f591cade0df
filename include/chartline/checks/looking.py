"""A look at what is new: every check over it, and what became of its findings.

Cheap enough to follow each ranking: it takes what was stored since the last look, a part at a time, and goes on at the
next where its time is over.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from chartline.cascade.resources import RESOURCES, Series
from chartline.checks.registry import BY_NAME, CHECKS, DataCheck, RankingCheck, SeriesCheck
from chartline.warehouse import checks
from chartline.warehouse.checks import Noticed
from chartline.warehouse.connect import Connection

RANKINGS = 200
SERIES = 5_000
"""So many at a time, each in one transaction."""
PASSES = timedelta(days=14)
"""What happened once is closed so long after it was found, whether or not a person accepted it."""
KEPT_DAYS = 365
"""How long a finding that is solved is kept."""


@dataclass
class Look:
    """What a look came to. `more`: its time was over before all was looked at."""

    rankings: int = 0
    series: int = 0
    opened: int = 0
    solved: int = 0
    more: bool = False
    seconds: float = 0.0
    by_check: dict[str, int] = field(default_factory=dict)


def look(conn: Connection, *, seconds: float = 30.0, slugs: Sequence[str] = (), anew: bool = False) -> Look:
    """Check what was stored since the last look. seconds: after which it stops; slugs: only these charts' rankings;
    anew: all that is stored. `conn` is in autocommit; another look is waited for."""
    began, done = time.monotonic(), Look()
    if anew:
        with conn.transaction():
            checks.lock(conn)
            checks.forget(conn, slugs)
    while _rankings(conn, done, slugs) or (not slugs and _series(conn, done)):
        if time.monotonic() - began > seconds:
            done.more = True
            break
    with conn.transaction():
        done.solved += checks.expire(conn, [check.name for check in CHECKS if check.passes], PASSES)
        checks.prune(conn, KEPT_DAYS)
    done.seconds = time.monotonic() - began
    return done


def _rankings(conn: Connection, done: Look, slugs: Sequence[str]) -> bool:
    """A part of the new rankings; whether there may be more."""
    with conn.transaction():
        checks.lock(conn)
        new = checks.new_rankings(conn, RANKINGS, slugs)
        ids = checks.with_neighbours(conn, new)
        if not ids:
            return False
        checks.work_out(conn, ids)
        for check in CHECKS:
            if isinstance(check, RankingCheck):
                found = check.find(conn, ids)
                _keep(conn, check, found, done)
                done.solved += checks.solve_of_rankings(conn, check.name, ids, [one.subject for one in found])
        checks.note_judged(conn, ids)
    done.rankings += len(new)
    return len(new) == RANKINGS


def _series(conn: Connection, done: Look) -> bool:
    """A part of the series that were fetched; whether there may be more."""
    names = [one.name for one in RESOURCES.values() if isinstance(one, Series)]
    with conn.transaction():
        checks.lock(conn)
        items, until = checks.fetched_since(conn, names, SERIES)
        if until is None:
            return False
        for check in CHECKS:
            if isinstance(check, SeriesCheck):
                found = check.find(conn, items)
                _keep(conn, check, found, done)
                if not check.passes:
                    resources = {item.resource for item in items}
                    done.solved += checks.solve_others(conn, check.name, [one.subject for one in found], resources)
        checks.note_progress(conn, until)
    done.series += len(items)
    return len(items) == SERIES


def _keep(conn: Connection, check: DataCheck, found: Sequence[Noticed], done: Look) -> None:
    for one in found:
        done.by_check[check.name] = done.by_check.get(check.name, 0) + 1
        done.opened += checks.put(conn, check.name, check.severity, one, said(check.name, one))


def said(name: str, seen: Noticed) -> str:
    """A finding in one sentence."""
    return f"{seen.subject}: {BY_NAME[name].said(seen.facts)}."
