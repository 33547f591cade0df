"""Step 7: close the execution, whatever happened, and say how it went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from chartline.cascade import resources
from chartline.cascade.resources import Wanted
from chartline.cascade.run import Run
from chartline.errors import StopRun
from chartline.settings import Settings
from chartline.warehouse import executions, ledger
from chartline.warehouse.executions import RunTotals

# Facts about Soundcharts, not trouble: they are reported and never fail a run.
NOT_THERE = frozenset({"not_found", "gone", "moved", "unsupported_platform"})
KEPT = frozenset({"came_short"})  # said, so that no run with it calls itself complete, but stored as far as it came


class RunFailed(StopRun):
    """The run as a whole did not do its work."""

    kind = "run_failed"


def report_run(run: Run, failed_tasks: Sequence[str]) -> dict[str, Any]:
    """Close the run's execution and return its row.

    `failed_tasks`: the tasks of the run that Airflow counts as failed. Raises RunFailed, after closing, when a
    task failed, no ranking is here though there was one to store, or more items failed than
    `settings.failure_share` of the calls.
    """
    if failed_tasks:  # one whose config was refused has no ask
        return close(run, failed_tasks, steps=(), wanted=None, needs_ranking=True)
    return close(run, failed_tasks, steps=run.ask.steps, wanted=run.ask, needs_ranking=True)


def close(
    run: Run,
    failed_tasks: Sequence[str],
    *,
    steps: Sequence[str],
    wanted: Wanted | None,
    entities: Sequence[str] = (),
    needs_ranking: bool,
) -> dict[str, Any]:
    """Close an execution and return its row; `report_run` says when it raises RunFailed.

    `steps`, `wanted`, `entities` (uuids, beside those of its rankings): what it was asked for; nothing where a task
    failed before it was known.
    """
    with run.connect() as conn:
        ledger.release(conn, run.execution.owner)  # what it did not come to is free for the next run
        if not failed_tasks:
            # What this run left to others that died is missing, so it must not call itself complete.
            asked = [
                (one.name, facet)
                for step in steps
                if wanted
                for one, facets in resources.pieces(step, wanted, run.settings)
                for facet in facets
            ]
            executions.note_left_behind(conn, run.execution.id, asked, entities)
        spent = executions.spent(conn, run.execution.id)
        absent, left = executions.days(conn, run.execution.id)
        nothing = (
            needs_ranking
            and not failed_tasks
            and executions.ranking_count(conn, run.execution.id) == 0
            and not _all_absent(run, absent)
        )
        reason = _reason(spent, failed_tasks, nothing, run.settings)
        if reason:
            status = "failed"
        elif spent.deferred:
            status = "deferred"
        else:
            status = "partial" if spent.failures or left else "complete"
        row = executions.close(conn, run.execution.id, status, reason)
    if reason:
        advice = "The failed task's log says what to do; then clear it" if failed_tasks else "Clear the fetch tasks"
        raise RunFailed(row["error"], advice=f"{advice} to go on.")
    return row


def _all_absent(run: Run, absent: Sequence[date]) -> bool:
    """Whether Soundcharts has no ranking on any of the run's days: then there was nothing to do."""
    days = run.ask.past
    return days is not None and (run.ask.interval is not None or set(days) <= set(absent))


def _reason(spent: RunTotals, failed_tasks: Sequence[str], nothing: bool, settings: Settings) -> str | None:
    """Why the run counts as failed; None when it does not."""
    if failed_tasks:
        return f"Failed: {', '.join(sorted(set(failed_tasks)))}."
    if nothing:
        return "No ranking was stored."
    trouble = sum(count for kind, count in spent.failures.items() if kind not in NOT_THERE | KEPT)
    if trouble > settings.failure_share * max(spent.calls, 1):
        kinds = ", ".join(f"{count} {kind}" for kind, count in spent.failures.items())
        return f"Too many items failed ({kinds}) for {spent.calls} calls."
    return None


def summary(row: dict[str, Any]) -> str:
    """The run in one line, for the log."""
    failures = ", ".join(f"{count} {kind}" for kind, count in row["failures"].items()) or "none"
    return (
        f"{row['chart_slug'] or row['run_id']}: {row['status']}; "
        f"rankings {row['rankings_created']} new, {row['rankings_updated']} again; "
        f"entries {row['entries_stored']}; tracks {row['tracks_created']} new, {row['tracks_updated']} updated; "
        f"artists {row['artists_created']} new, {row['artists_updated']} updated; "
        f"audience points {row['audience_points']}; calls {row['calls']}; deferred {row['deferred']}; "
        f"failures: {failures}" + _days_text(row)
    )


SHOWN = 10


def _days_text(row: dict[str, Any]) -> str:
    """What there is to say about days, if anything."""
    told = ""
    if row["asked_early"]:
        told += f"; asked {row['asked_early']} times too early"
    for column, what in (("days_absent", "not in Soundcharts"), ("days_left", "left to the gap audit")):
        days = row[column]
        if days:
            more = f" and {len(days) - SHOWN} more" if len(days) > SHOWN else ""
            told += f"; {what}: {', '.join(map(str, days[:SHOWN]))}{more}"
    return told
