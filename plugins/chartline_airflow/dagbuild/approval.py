"""A gate before large work: it says what the work would cost, and waits for a person where that is much.

The gate is one task. Where nobody needs to be asked it is over at once; else it waits in Airflow's *Required actions*
and holds no slot. Rejected, or left alone for a week, what follows is skipped and the run ends well.

An answer within a second or two of the question, before Airflow's scheduler has seen that the task waits, may be lost:
the task is tried again and asks again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context
from airflow.sdk.execution_time.hitl import HITLUser

from chartline.costs.model import Estimate
from chartline.costs.shown import rows
from chartline.errors import AskPerson, SkipItem, StopRun
from chartline.settings import settings
from chartline.warehouse import schema
from chartline.warehouse.connect import Connection
from chartline.wording import noun
from chartline_airflow.dagbuild import docs, runtime
from chartline_airflow.notifier import Question, QuestionNotifier, answered

Ask = TypeVar("Ask")

log = logging.getLogger(__name__)

WAIT = timedelta(days=7)
"""Nobody's answer within it is a no: it costs nothing, and the work can be asked for again."""

XCOM = "estimate"


class EstimateGate(ApprovalOperator):
    """Lets the run go on when its `estimate` is small, or when a person approves.

    `estimate` works it out from the task's context; None passes: there is nothing to do, or nothing that can be
    estimated. The XCom `estimate` of the task holds it as JSON. With the param `dry_run` what follows is skipped
    whatever it costs.
    `ignore_downstream_trigger_rules` (True): all that follows is skipped, else only what comes next.
    """

    def __init__(
        self,
        *,
        estimate: Callable[[Context], Estimate | None],
        ignore_downstream_trigger_rules: bool = True,
        **kwargs: Any,
    ) -> None:
        self._estimate = estimate
        self.question: Question | None = None
        super().__init__(
            subject="What would it cost?",
            defaults=self.REJECT,
            response_timeout=WAIT,
            notifiers=[QuestionNotifier()],
            assigned_users=approvers() or None,
            ignore_downstream_trigger_rules=ignore_downstream_trigger_rules,
            **kwargs,
        )

    def execute(self, context: Context) -> Any:
        """Estimate; skip the rest (dry run), pass, or wait for an answer."""
        estimate = self._estimate(context)
        if estimate is None:
            log.info("There is nothing to estimate.")
            return None
        context["ti"].xcom_push(key=XCOM, value=estimate.model_dump(mode="json"))
        log.info("%s", text(estimate))
        if context["params"].get("dry_run"):
            log.info("Dry run: nothing is fetched.")
            self._skip_rest(context)
            return None
        if not estimate.needs_approval(settings()):
            return None
        self.subject, self.body = headline(estimate), markdown(estimate)
        facts = [f"{name}: {value}" for name, value in rows(estimate)]
        self.question = Question(headline(estimate), (*facts, *estimate.notes), datetime.now(UTC) + WAIT)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Go on, or skip what follows."""
        log.info("Answered by %s.", _name(event) or "nobody in time")
        answered(context)
        if self.REJECT in event.get("chosen_options", ()):
            log.info("Not approved: nothing is fetched. Trigger the run again to be asked again.")
        return super().execute_complete(context, event)

    def _skip_rest(self, context: Context) -> None:
        task = context["task"]
        every = self.ignore_downstream_trigger_rules
        follow = task.get_flat_relatives(upstream=False) if every else task.get_direct_relatives(upstream=False)
        self.skip(ti=context["ti"], tasks=follow)


def approvers() -> list[HITLUser]:
    """Who may answer, by `CHARTLINE_APPROVERS`; none: whoever may run the DAG."""
    names = dict.fromkeys(name.strip() for name in settings().approvers.split(",") if name.strip())
    return [HITLUser(id=name, name=name) for name in names]


def config(context: Context) -> dict[str, Any]:
    """What the form or the config asks for. `dry_run` is the gate's alone."""
    return {key: value for key, value in context["params"].items() if key != "dry_run"}


def by_config(
    read: Callable[[dict[str, Any]], Ask], cost: Callable[[Connection, Ask], Estimate]
) -> Callable[[Context], Estimate | None]:
    """The `estimate` of a gate before a run by hand: what `cost` makes of its config, as `read`. What is wrong with the
    config is for the first step to say, which leaves a row; a dry run has no such step, so there it is raised."""

    def estimate(context: Context) -> Estimate | None:
        try:
            ask = read(config(context))
            with runtime.warehouse() as conn:
                schema.check(conn)
                return cost(conn, ask)
        except (AskPerson, StopRun, SkipItem) as error:
            if context["params"]["dry_run"]:
                raise
            log.warning("There is no estimate: %s", error)
            return None

    return estimate


def approved_by(context: Context, gate: str) -> str:
    """The name of the person who approved at the task `gate`, as Airflow's login has it; "" where nobody was asked."""
    ti: Any = context["ti"]
    return _name(ti.xcom_pull(task_ids=gate) or {})


def _name(answer: Mapping[str, Any]) -> str:
    person = answer.get("responded_by_user") or {}
    return str(person.get("name") or person.get("id") or "")


def headline(estimate: Estimate) -> str:
    """One line: what, how many calls, which share of the quota."""
    share = "" if estimate.share is None else f", up to {estimate.share:.0%} of the quota left"
    return f"{estimate.about}: {estimate.total} {noun(estimate.total.high, 'call')}{share}"


def text(estimate: Estimate) -> str:
    """All of it in lines, for a log."""
    return "\n".join([headline(estimate), *(f"  {name}: {value}" for name, value in rows(estimate)), *estimate.notes])


def markdown(estimate: Estimate) -> str:
    """All of it for a person who has to decide."""
    lines = [f"**{docs.plain(headline(estimate))}**", "", "| what | how much |", "|---|---|"]
    lines += [f"| {docs.plain(name)} | {docs.plain(value)} |" for name, value in rows(estimate)]
    lines += ["", *(f"- {docs.plain(note)}" for note in estimate.notes)]
    lines += ["", f"Approve to go on. Rejected, or unanswered for {WAIT.days} days, nothing of it is fetched."]
    return "\n".join(lines)
