"""The names of a chart's runs, and what a name tells: whether the run is of the past.

A run of one interval is `scheduled__<its start>`; a window of several `scheduled__<first day>_to_<last day>_<mark>`.
Airflow names backfills `backfill__…`; the gap audit's runs are `heal__…`, those of
one track's or artist's audience `refresh__…`.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

SCHEDULED = "scheduled"
BACKFILL = "backfill__"
HEAL = "heal__"
REFRESH = "refresh__"
_TO = "_to_"


def interval_id(start: datetime) -> str:
    """The id of a scheduled run of one interval: no two begin at the same time."""
    return f"{SCHEDULED}__{_moment(start)}"


def window_id(start: datetime, end: datetime, mark: int) -> str:
    """The id of a scheduled run of several intervals; `mark` tells windows of the same days apart."""
    last = end - timedelta(days=1) if end.time() == time() else end
    return f"{SCHEDULED}__{_moment(start)}{_TO}{_moment(last)}_{mark}"


def heal_run_id(slug: str, day: date, now: datetime) -> str:
    """The id of the run by which the gap audit of `now` heals a chart, from `day` on."""
    return f"{HEAL}{slug}_{day}_{now:%Y%m%dT%H%M%S}"


def refresh_run_id(kind: str, uuid: str, now: datetime) -> str:
    """The id of a run that brings the audience of one track or artist (`kind`: tracks, artists) up to date."""
    return f"{REFRESH}{kind[:-1]}_{uuid}_{now:%Y%m%dT%H%M%S%f}"


def is_past(run_id: str) -> bool:
    """Whether the run fills the past, and may wait while a new day's does not: windows, backfills, healing."""
    return run_id.startswith((BACKFILL, HEAL)) or (run_id.startswith(f"{SCHEDULED}__") and _TO in run_id)


def window_day(run_id: str) -> int:
    """Which day a window begins on, as a number that grows by one a day; 0 for other runs."""
    if not run_id.startswith(f"{SCHEDULED}__") or _TO not in run_id:
        return 0
    return date.fromisoformat(run_id.removeprefix(f"{SCHEDULED}__")[:10]).toordinal()


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}" if moment.time() == time() else f"{moment:%Y-%m-%dT%H:%M}"
