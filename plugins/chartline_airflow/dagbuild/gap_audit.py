"""`chartline.gap_audit`: finds the gaps of followed charts and has exactly these days fetched, daily and by hand."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Context, Param, TriggerRule, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from chartline.costs.estimate import estimate_days, estimate_schedule
from chartline.costs.model import Estimate
from chartline.domain import dag_ids
from chartline.domain.run_ids import heal_run_id
from chartline.domain.schedule import Schedule
from chartline.errors import BadInput
from chartline.gaps import audit, healing
from chartline.gaps.audit import ChartGaps
from chartline.gaps.healing import AT_WORK
from chartline.gaps.shown import findings, table
from chartline.identifiers import MAX_SLUG, SLUG, in_form
from chartline.operating import reparse
from chartline.operating.conditions import followed as conditions
from chartline.schedules import service
from chartline.settings import settings
from chartline.warehouse import schedules, schema
from chartline.wording import counted
from chartline_airflow.dagbuild import docs, runtime
from chartline_airflow.dagbuild.approval import EstimateGate, approved_by
from chartline_airflow.dagbuild.cascade import POOL_RANKINGS, add_form
from chartline_airflow.dagbuild.standing import standing_dag

log = logging.getLogger(__name__)

Value = TypeVar("Value")

HISTORIES = "approve_histories"
FOUND = "found"
"""XCom of `find_gaps` beside the runs to trigger: what the report tells."""

PARAMS = {
    "chart": Param(
        None,
        type=["null", "string"],
        pattern=in_form(SLUG),
        maxLength=MAX_SLUG,
        title="Chart",
        description="The slug of one followed chart. Empty: all that are active.",
    ),
    "heal": Param(
        True,
        type="boolean",
        title="Heal",
        description="Have the missing days fetched, the newest first. Off: only find and report them.",
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Dry run",
        description="Report what is missing and what it would cost to heal; change nothing but the calendars.",
    ),
}


def build(dag_id: str = dag_ids.GAP_AUDIT) -> DAG:
    """The DAG. It waits for its first quarter past four: the calendars cost calls that nobody asked for yet."""
    dag = standing_dag(
        dag_id,
        description="Finds the gaps of followed charts and has them fetched",
        doc_md=docs.GAP_AUDIT,
        cron="15 4 * * *",
        max_active_runs=4,  # one that waits for a person's answer must not hold up tomorrow's
        solves=True,
    )
    with dag:

        @task(pool=POOL_RANKINGS, execution_timeout=timedelta(hours=1))
        def refresh_calendars() -> dict[str, str]:
            context = get_current_context()
            with runtime.warehouse() as conn:
                schema.check(conn)
                charts, _ = _asked(conn, context)
            with runtime.api_client() as client:
                refreshed = healing.refresh_calendars(runtime.connector(), client, charts, settings(), _owner(context))
            log.info("%d calendars looked at, %d calls", len(charts), refreshed.calls)
            for slug, reason in refreshed.failed.items():
                log.warning("%s: its calendar was not brought up to date: %s", slug, reason)
            return refreshed.failed

        @task(trigger_rule=TriggerRule.ALL_DONE)  # what is known can be healed while no calendar can be fetched
        def find_gaps() -> list[dict[str, Any]]:
            context = get_current_context()
            with runtime.warehouse() as conn:
                schema.check(conn)
                return _find_gaps(conn, context)

        @task
        def release_histories() -> list[str]:
            context = get_current_context()
            held = list(_findings(context).get("held", []))
            if not held:
                raise AirflowSkipException("No history is held.")
            with runtime.warehouse() as conn:
                return _release(conn, held, approved_by(context, HISTORIES) or dag_ids.GAP_AUDIT)

        @task(trigger_rule=TriggerRule.ALL_DONE)
        def report() -> dict[str, Any]:
            return _report(get_current_context())

        heals = find_gaps()
        refresh_calendars() >> heals
        approve_healing = EstimateGate(
            task_id="approve_healing", estimate=_cost_of_healing, ignore_downstream_trigger_rules=False
        )
        approve_histories = EstimateGate(
            task_id=HISTORIES, estimate=_cost_of_histories, ignore_downstream_trigger_rules=False
        )
        heal = TriggerDagRunOperator.partial(
            task_id="heal",
            logical_date=None,
            openlineage_inject_parent_info=False,  # the config is exactly ours
            skip_when_already_exists=True,  # made by an earlier try of this very task
            map_index_template="{{ task.trigger_run_id }}",
        ).expand_kwargs(heals)
        released = release_histories()
        heals >> [approve_healing, approve_histories]
        approve_healing >> heal
        approve_histories >> released
        [heal, released] >> report()
    add_form(dag, PARAMS)
    return dag


def _owner(context: Context) -> str:
    return f"{context['dag_run'].dag_id}/{context['dag_run'].run_id}"


def _asked(conn: Any, context: Context) -> tuple[list[Schedule], dict[str, str]]:
    """The schedules that the config asks for, and why others cannot be used. Raises BadInput, UnknownChart."""
    config = context["params"]
    unknown = sorted(set(config) - set(PARAMS))
    if unknown:
        raise BadInput(f"config: unknown key {', '.join(unknown)}.", field=unknown[0])
    return audit.followed(conn, config["chart"] or "")


def _find_gaps(conn: Any, context: Context) -> list[dict[str, Any]]:
    """Compare, close what is lost, and plan; returns the runs to trigger, as the operator's arguments."""
    config, now = context["params"], datetime.now(UTC)
    charts, refused = _asked(conn, context)
    lost = healing.find_lost(conn, runtime.run_state(context))
    closed = {run.owner: reason for run, reason in lost} if config["dry_run"] else healing.close_lost(conn, lost)
    audited = audit.audit(conn, charts, now)
    owes = conditions.overdue_of(conn, settings(), now, [chart.slug for chart in charts])
    leave = _left_alone(conn, context, audited) if config["heal"] else {}
    heals, left = (
        healing.plan(audited, settings().heal_days, settings().history_window, leave) if config["heal"] else ([], {})
    )
    told = {
        "charts": len(audited),
        "findings": {chart.slug: lines for chart in audited if (lines := findings(chart, owes.get(chart.slug, "")))},
        "counts": {name: sum(len(getattr(chart, name)) for chart in audited) for name in audit.DAYS},
        "overdue": sorted(owes),
        "held": [chart.slug for chart in audited if chart.history_held],
        "left_alone": leave,
        "left": left,
        "lost": closed,
        "refused": refused,
    }
    context["ti"].xcom_push(key=FOUND, value=told)
    log.info("%s", table(audited))
    for line in _lines(told):
        log.info("%s", line)
    return [
        {
            "trigger_dag_id": heal.dag_id,
            "trigger_run_id": heal_run_id(heal.slug, min(heal.days), now),
            "conf": heal.conf,
        }
        for heal in heals
    ]


def _left_alone(conn: Any, context: Context, charts: Iterable[ChartGaps]) -> dict[str, str]:
    """The charts whose gaps are not healed now, and why."""
    reasons = {}
    for chart in charts:
        if chart.open and (reason := _why_not(conn, context, chart)):
            reasons[chart.slug] = reason
    return reasons


def _why_not(conn: Any, context: Context, chart: ChartGaps) -> str:
    if not chart.is_active and not context["params"]["chart"]:
        return "its schedule is not active; name the chart in the form to heal it all the same"
    ti: Any = context["ti"]
    dag = runtime.known(lambda: ti.get_dag(chart.dag_id))
    if dag is None:
        return f"Airflow has no DAG {chart.dag_id}; it comes with the next parse"
    if dag.is_paused:
        return "its DAG is paused, so that its runs would only wait"
    unopened = ti.get_dr_count(chart.dag_id, states=list(AT_WORK)) - healing.at_work(conn, chart.dag_id)
    if unopened > 0:
        unopened -= runtime.runs_held(chart.dag_id, datetime.now(UTC))
    if unopened > 0:  # their days are not known yet: a past that is being filled is not to be healed twice
        return f"{unopened} of its runs have yet to begin, and may bring them"
    return ""


def _findings(context: Context) -> dict[str, Any]:
    """What `find_gaps` found; empty when it never came so far."""
    return dict(context["ti"].xcom_pull(task_ids="find_gaps", key=FOUND) or {})


def _release(conn: Any, held: Iterable[str], by: str) -> list[str]:
    """Let the history of these charts be fetched; returns the charts whose history was still held. by: who approved, or
    this DAG where it had become small enough for nobody to be asked."""
    released = []
    for slug in held:
        try:
            service.release_history(conn, slug, by=by)
        except BadInput as gone:
            log.warning("%s", gone)  # not followed any more, since it was asked about
        else:
            released.append(slug)
    shown = reparse.ask(None, reparse.waiting) if released else ""
    log.info("The history of %s is approved and will be fetched. %s", ", ".join(released) or "no chart", shown)
    return released


def _cost_of_healing(context: Context) -> Estimate | None:
    """What the planned runs would cost; None when there are none. Raises AirflowSkipException."""
    days_of: dict[str, list[date]] = {}
    for run in _plan(context):
        slug = dag_ids.slug(run["trigger_dag_id"]) or ""
        days_of.setdefault(slug, []).extend(map(date.fromisoformat, run["conf"]["days"]))
    if not days_of:
        return None
    _ask_once(context, "approve_healing")
    limit = runtime.per_minute()
    with runtime.warehouse() as conn:
        costs = [estimate_days(conn, slug, days, settings(), per_minute=limit) for slug, days in days_of.items()]
    return Estimate.together(
        f"Healing {counted(sum(map(len, days_of.values())), 'day')} of {counted(len(costs), 'chart')}", costs
    )


def _cost_of_histories(context: Context) -> Estimate | None:
    """What the histories that are held would cost; None when there are none. Raises AirflowSkipException."""
    held = _findings(context).get("held", [])
    if not held:
        return None
    _ask_once(context, HISTORIES)
    limit = runtime.per_minute()
    with runtime.warehouse() as conn:
        charts = [schedule for slug in held if (schedule := schedules.get(conn, slug))]
        costs = [estimate_schedule(conn, schedule, settings(), per_minute=limit) for schedule in charts]
    return Estimate.together(f"The history of {', '.join(held)}", costs) if costs else None


def _ask_once(context: Context, gate: str) -> None:
    """Leave it be while a person has yet to answer an earlier audit: the same is not asked, nor done, twice."""
    ti: Any = context["ti"]
    if ti.get_ti_count(dag_id=dag_ids.GAP_AUDIT, task_ids=[gate], states=["awaiting_input"]):
        raise AirflowSkipException("An earlier audit still waits for an answer: see Required actions.")


def _plan(context: Context) -> list[dict[str, Any]]:
    """The runs to trigger."""
    return list(context["ti"].xcom_pull(task_ids="find_gaps") or [])


def _report(context: Context) -> dict[str, Any]:
    """The audit's outcome, in the log and as XCom. Raises AirflowFailException when a task of the audit failed."""
    ti, dag_run = context["ti"], context["dag_run"]
    states = ti.get_task_states(dag_id=dag_run.dag_id, run_ids=[dag_run.run_id]).get(dag_run.run_id, {})
    told = _findings(context)
    plan = _plan(context)
    triggered = {
        run["trigger_run_id"]: run["conf"]["days"]
        for index, run in enumerate(plan)
        if states.get(f"heal_{index}") == "success"
    }
    told |= {
        "calendars_failed": dict(ti.xcom_pull(task_ids="refresh_calendars") or {}),
        "triggered": triggered,
        "not_triggered": len(plan) - len(triggered),
        "released": list(ti.xcom_pull(task_ids="release_histories") or []),
    }
    for line in _lines(told):
        log.info("%s", line)
    failed = sorted(name for name, state in states.items() if state in ("failed", "upstream_failed"))
    if failed:
        raise AirflowFailException(f"Not all of the audit was done: {', '.join(failed)} failed; the log says why.")
    return told


def _lines(told: dict[str, Any]) -> Iterator[str]:
    """The report, for people."""
    counts = told.get("counts", {})
    yield f"{counted(told.get('charts', 0), 'chart')}: " + ", ".join(
        f"{name} {count}" for name, count in counts.items()
    )
    for slug, lines in told.get("findings", {}).items():
        for line in lines:
            yield f"{slug}: {line}"
    for slug, reason in told.get("left_alone", {}).items():
        yield f"{slug}: its gaps are left alone: {reason}"
    for slug, days in told.get("left", {}).items():
        yield f"{slug}: left for the next audit: {counted(days, 'day')}"
    for run, reason in told.get("lost", {}).items():
        yield f"lost: {run}: {reason}"
    for slug, reason in told.get("refused", {}).items():
        yield f"{slug}: its schedule cannot be used: {reason}"
    for slug, reason in told.get("calendars_failed", {}).items():
        yield f"{slug}: its calendar could not be brought up to date: {reason}"
    for run, days in told.get("triggered", {}).items():
        yield f"healing: {run}: {counted(len(days), 'day')}, {days[-1]} to {days[0]}"
    if told.get("not_triggered"):
        yield f"healing runs that were not triggered: {told['not_triggered']}"
    for slug in told.get("released", []):
        yield f"{slug}: its history was approved and is being fetched"
