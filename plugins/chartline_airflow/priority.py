"""Who goes first when tasks of many runs wait for the same slots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.task.priority_strategy import PriorityWeightStrategy

from chartline.schedules.runs import is_past

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance

NEW = 1000
"""More than any task's own weight."""


class NewestFirst(PriorityWeightStrategy):
    """A new day's run, or one by hand, goes before all that fills the past; within each the task's weight decides."""

    def get_weight(self, ti: TaskInstance) -> int:
        """The task's own weight, and much more when its run is not of the past."""
        weight: int = ti.task.priority_weight
        return weight if is_past(ti.run_id) else weight + NEW
