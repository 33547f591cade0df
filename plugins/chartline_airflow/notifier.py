"""Tells of a failed Airflow run within seconds, whatever became of its own report; and of what waits for a person."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from airflow.providers.common.compat.sdk import BaseNotifier

from chartline.alerts import message, rules, telling
from chartline.errors import ChartlineError, SchemaMismatch, WarehouseUnavailable
from chartline.schedules import snapshot
from chartline.settings import settings
from chartline_airflow.channels import base_url, channels
from chartline_airflow.dagbuild import runtime

log = logging.getLogger(__name__)

QUIET_SECONDS = 3600.0
"""While the warehouse is away, nothing is told more often than this."""


class ChartlineNotifier(BaseNotifier):
    """For a DAG's `on_failure_callback`, or with `well=True` its `on_success_callback`.

    The alert is opened in the warehouse and told on every channel of the settings; what cannot be told now the DAG
    `chartline.alerts` tries again. With the warehouse away it is told at once, at most once an hour.
    """

    template_fields = ()

    def __init__(self, *, well: bool = False) -> None:
        super().__init__()
        self.well = well

    def notify(self, context: Any) -> None:
        """See airflow.sdk.BaseNotifier: runs in a child of the DAG processor."""
        dag_id, run_id = context["dag"].dag_id, context["run_id"]
        ways = channels(settings())
        try:
            with runtime.warehouse() as conn:
                if self.well:
                    telling.run_succeeded(conn, dag_id, channels=ways, base_url=base_url())
                else:
                    reason = _reason(context)
                    telling.run_failed(conn, settings(), dag_id, run_id, reason, channels=ways, base_url=base_url())
                done = telling.deliver(conn, ways)
            log.info("Alerts: %d sent, %d to be tried again", done.told, done.failed)
        except (WarehouseUnavailable, SchemaMismatch, psycopg.Error) as trouble:
            if not self.well:
                self._tell_without_warehouse(dag_id, run_id, trouble)

    def _tell_without_warehouse(self, dag_id: str, run_id: str, trouble: Exception) -> None:
        advice = trouble.advice if isinstance(trouble, ChartlineError) else "See what the database's log says."
        reason = trouble.what if isinstance(trouble, ChartlineError) else type(trouble).__name__
        finding = rules.without_warehouse(dag_id, run_id, reason, advice)
        if not _may_speak(snapshot.default_path().with_name("warehouse-away")):
            log.warning("%s: an alert was sent within the last hour", finding.title)
            return
        said = message.unrecorded(finding, base_url())
        for name, channel in channels(settings()).items():
            outcome = channel.send(said, f"away-{time.time_ns()}")
            log.info("%s: %s", name, "told" if outcome.ok else outcome.error)


@dataclass(frozen=True)
class Question:
    """What waits for a person: in one line, the facts, and when nobody's answer becomes a no."""

    what: str
    lines: Sequence[str]
    until: datetime


class QuestionNotifier(BaseNotifier):
    """For a task that asks a person (its `question`): the alert `approval` is opened and told on every channel."""

    template_fields = ()

    def notify(self, context: Any) -> None:
        """See airflow.sdk.BaseNotifier: runs in the task, when the question can be answered."""
        ti, asked = context["ti"], context["task"].question
        finding = rules.approval(ti.dag_id, ti.run_id, ti.task_id, asked.what, asked.lines, asked.until)
        ways = channels(settings())
        try:
            with runtime.warehouse() as conn:
                telling.notice(conn, finding, channels=ways, base_url=base_url())
                done = telling.deliver(conn, ways)
            log.info("That it waits: %d sent, %d to be tried again", done.told, done.failed)
        except (ChartlineError, psycopg.Error) as trouble:
            log.warning("The alert that it waits could not be sent: %s", trouble)


def answered(context: Any) -> None:
    """The question of a task is answered: the alert is solved."""
    ti, ways = context["ti"], channels(settings())
    subject = rules.approval_subject(ti.dag_id, ti.run_id, ti.task_id)
    try:
        with runtime.warehouse() as conn:
            telling.solved(conn, rules.APPROVAL, subject, channels=ways, base_url=base_url())
            telling.deliver(conn, ways)
    except (ChartlineError, psycopg.Error) as trouble:
        log.warning("That it is answered could not be reported now, the DAG alerts does it: %s", trouble)


def _reason(context: Any) -> str:
    ti = context.get("ti")
    last = f"; its last task was {ti.task_id}" if ti is not None else ""
    return f"Airflow says: {context.get('reason') or 'failed'}{last}."


def _may_speak(note: Path) -> bool:
    """Whether nothing was told for an hour; notes that something is told now."""
    try:
        if time.time() - note.stat().st_mtime < QUIET_SECONDS:
            return False
    except OSError:
        pass  # nothing was told yet
    note.parent.mkdir(parents=True, exist_ok=True)
    note.touch()
    return True
