"""DAGs under the ids that they had before all began with the product's name, so that runs that are open then end."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from airflow.sdk import DAG, get_parsing_context

from chartline.domain import dag_ids
from chartline.errors import NotConfigured
from chartline.schedules import snapshot
from chartline.settings import settings
from chartline_airflow.dagbuild import runtime

log = logging.getLogger(__name__)


def with_former(dag_id: str, build: Callable[[str], DAG]) -> dict[str, DAG]:
    """A standing DAG and, while runs are open under its former id, the one that ends them. build: gives the DAG of an
    id, without a schedule for a former one. In a task's process only the DAG that it runs."""
    former = dag_ids.former(dag_id)
    wanted = get_parsing_context().dag_id
    if wanted:
        ids = [one for one in (dag_id, former) if one == wanted]
    else:
        path = snapshot.default_path()
        refresh(path)
        ids = [dag_id, *(one for one in snapshot.load_former(path) if one == former)]
    return {one: marked(build(one)) for one in ids}


def marked(dag: DAG) -> DAG:
    """The DAG, tagged where its id is a former one."""
    if dag_ids.is_former(dag.dag_id):
        dag.tags.add("former")
        dag.description = "Ends the runs that began under this id, which is not in use any more; then it goes"
    return dag


def comes_paused(dag_id: str) -> bool:
    """Whether the DAG is paused when Airflow first reads it: a person had paused it under its former id."""
    return dag_ids.former(dag_id) in settings().paused_at_first.replace(",", " ").split()


def refresh(path: Path, max_age: float = snapshot.MAX_AGE) -> bool:
    """Bring the list of schedules up to date; whether it is. What stands in the way is logged."""
    try:
        url = os.environ.get("CHARTLINE_WAREHOUSE_URL") or runtime.warehouse_dsn()
    except NotConfigured as missing:
        log.warning("%s The last list of schedules stands.", missing)
        return False
    warning = snapshot.refresh(path, url, max_age)
    if warning:
        log.warning("%s", warning)
    return not warning
