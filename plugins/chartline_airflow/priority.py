"""Who goes first when tasks of many runs wait for the same slots."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from airflow.task.priority_strategy import PriorityWeightStrategy

from chartline.domain.run_ids import looks_past, window_day

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance

NEW = 1000
"""More than any task's own weight."""

BULK = ("track_audience", "artist_audience")
"""Most of all calls, and no other task waits for them. They keep the API busy while the history's many small tasks pass
by; done first, they would leave these to come last, when each costs more time to start than its calls take."""

NO_POOL = 100
"""For a task of the history that calls nobody: it is short, never waits for a slot, and others wait for it."""

LAST = -4_000_000
"""For the history's first task, with the day of its window, so that newer ones go first (Airflow takes equal weights
oldest first), and backfills and healing, which somebody asked for, before these. In each loop Airflow 3.3 looks at no
more waiting tasks than it has room for, and goes on to other pools only when it could start none of them: a hundred
windows waiting for the two slots of the rankings must stand behind all else, or nothing but one of them would start.
"""


class NewestFirst(PriorityWeightStrategy):
    """A new day's run, or one by hand, goes before all that fetches history, but for its audience, which fills up what
    the rest leaves free. The history goes step by step through its windows: what is begun is ended first."""

    def get_weight(self, ti: TaskInstance) -> int:
        """The task's own weight, altered by what kind of run and of task it is."""
        task = ti.task
        assert task is not None
        weight: int = task.priority_weight
        if not looks_past(ti.run_id):
            return weight if task.task_id in BULK else weight + NEW
        if task.task_id == "fetch_ranking":
            return LAST + (window_day(ti.run_id) or date.max.toordinal())
        return weight + NO_POOL if task.pool == "default_pool" else weight
