"""Who goes first when tasks of many runs wait for the same slots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.task.priority_strategy import PriorityWeightStrategy

from chartline.schedules.runs import is_past

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance

NEW = 1000
"""More than any task's own weight."""

BULK = ("track_audience", "artist_audience")
"""Most of all calls, and no other task waits for them. They keep the API busy while the past's many small tasks pass
by; done first, they would leave these to come last, when each costs more time to start than its calls take."""


class NewestFirst(PriorityWeightStrategy):
    """A new day's run, or one by hand, goes before all that fills the past, but for its audience, which fills up what
    the rest leaves free; within each the task's weight decides."""

    def get_weight(self, ti: TaskInstance) -> int:
        """The task's own weight, and much more when its run is not of the past and others wait for it."""
        weight: int = ti.task.priority_weight
        return weight if is_past(ti.run_id) or ti.task.task_id in BULK else weight + NEW
