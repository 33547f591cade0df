"""The kinds of runs, and the ids by which Airflow knows them.

A run of one interval is `scheduled__<its start>`; a window of several `scheduled__<first day>_to_<last day>_<mark>`.
Airflow names backfills `backfill__…`; the gap audit's runs are `heal__…`, those of
one track's or artist's audience `refresh__…`. Nobody else reads these ids: an execution keeps its kind.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Literal

from chartline.domain import dag_ids

Kind = Literal["scheduled", "window", "backfill", "heal", "manual", "on_demand", "refresh"]
"""scheduled: one interval of a schedule; window: several at once; backfill: asked of Airflow; heal: days that the gap
audit found missing; manual: by hand; on_demand: any chart, followed or not; refresh: an audience without a ranking."""

PAST: frozenset[Kind] = frozenset({"window", "backfill", "heal"})
"""They fetch history, and may wait while a new day's run does not."""

OF_NO_SCHEDULE: frozenset[Kind] = frozenset({"on_demand", "refresh"})
"""Of DAGs that any chart may use; all others are of the chart's own."""

SCHEDULED = "scheduled"
BACKFILL = "backfill__"
HEAL = "heal__"
REFRESH = "refresh__"
_TO = "_to_"
_OF_DAG: dict[str, Kind] = {dag_ids.CHART_CASCADE: "on_demand", dag_ids.AUDIENCE_REFRESH: "refresh"}


def kind(dag_id: str, run_type: str, run_id: str) -> Kind:
    """What kind of run an Airflow run is, by its DAG, its type (`scheduled`, `manual`, …) and its id. Ids that only
    look like one of ours are told by the type: anybody may name a run by hand."""
    if of_dag := _OF_DAG.get(dag_ids.today(dag_id)):
        return of_dag
    if run_type == SCHEDULED:
        return "window" if _is_window(run_id) else "scheduled"
    if run_type == "backfill":
        return "backfill"
    return "heal" if run_type == "operator_triggered" and run_id.startswith(HEAL) else "manual"


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


def looks_past(run_id: str) -> bool:
    """Whether the run seems to fetch history, for those who know no more of it than its id."""
    return run_id.startswith((BACKFILL, HEAL)) or _is_window(run_id)


def window_day(run_id: str) -> int:
    """Which day a window begins on, as a number that grows by one a day; 0 for other runs."""
    return date.fromisoformat(run_id.removeprefix(f"{SCHEDULED}__")[:10]).toordinal() if _is_window(run_id) else 0


def _is_window(run_id: str) -> bool:
    return run_id.startswith(f"{SCHEDULED}__") and _TO in run_id


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}" if moment.time() == time() else f"{moment:%Y-%m-%dT%H:%M}"
