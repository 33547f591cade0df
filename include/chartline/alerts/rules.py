"""What counts as wrong: one rule for each kind of alert. Rules read the warehouse and call nobody."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chartline.domain import dag_ids
from chartline.errors import CredentialsRefused, QuotaSpent
from chartline.operating.conditions import account, answers, followed, quota, stored
from chartline.operating.conditions.followed import Followed
from chartline.operating.conditions.quota import Forecast
from chartline.operating.conditions.verdict import Verdict
from chartline.settings import Settings
from chartline.warehouse.alerts import Alert
from chartline.warehouse.connect import Connection
from chartline.warehouse.drift import Drift
from chartline.warehouse.reads import account as rows
from chartline.warehouse.reads import failing
from chartline.warehouse.reads.account import AccountStanding
from chartline.warehouse.reads.failing import FailedRun, RunPace

FAILED_RUN, OVERDUE, QUOTA, QUARANTINE, CREDENTIALS, SLOW_RUN, FIELD_GONE, APPROVAL, DATA = KINDS = (
    "failed_run", "overdue", "quota", "quarantine", "credentials", "slow_run", "field_gone", "approval", "data",
)  # fmt: skip
NO_REPORT = "Its Airflow run failed before it could report."
OF_ACCOUNT = {CredentialsRefused.kind: CREDENTIALS, QuotaSpent.kind: QUOTA}
"""By the reason of a run's end: told once, of the account, not of each run."""
ENOUGH_RUNS = 3
"""Earlier runs of a kind, below which nothing is usual."""


@dataclass(frozen=True)
class Found:
    """Something that is wrong. `subject` tells it from others of its kind; a new `fingerprint` is worth telling again.
    `lines` are facts for people, `facts` the same for programs."""

    kind: str
    subject: str
    title: str
    advice: str
    lines: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""

    def values(self) -> dict[str, Any]:
        """As a row."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "title": plain(self.title),
            "advice": self.advice,
            "details": {**self.facts, "lines": [plain(line) for line in self.lines]},
            "fingerprint": self.fingerprint,
        }


@dataclass(frozen=True)
class Looked:
    """What a rule found; `unknown`: subjects of open alerts that cannot be judged now, so they stay open."""

    found: list[Found]
    unknown: Collection[str] = ()

    @property
    def first(self) -> Found | None:
        """One of them."""
        return next(iter(self.found), None)


Rule = Callable[[Connection, Settings, datetime, Collection[Alert]], Looked]
"""Of the warehouse, the settings, the time and the open alerts of the rule's kind."""


def failed_runs(conn: Connection, settings: Settings, now: datetime, open: Collection[Alert]) -> Looked:
    """Runs that failed for a reason of their own, with no run of the same DAG that went well for the chart since."""
    known = {alert.details.get("execution"): alert.subject for alert in open}
    ids = [id for id in known if id is not None]
    findings = [failed_run(run) for run in failing.failed_runs(conn, ids)]
    unknown = {known[id] for id in failing.unsettled(conn, ids)}
    bare = [alert for alert in open if alert.details.get("execution") is None]
    mended = failing.well_since(conn, [(str(alert.details["dag_id"]), alert.opened_at) for alert in bare])
    unknown |= {alert.subject for alert in bare if alert.details["dag_id"] not in mended}
    return Looked(findings, unknown)


def failed_run(run: FailedRun) -> Found:
    """The alert of a run with an execution."""
    reason = run.error or NO_REPORT
    counts = ", ".join(f"{count} {kind}" for kind, count in run.failures.items())
    return Found(
        FAILED_RUN,
        f"{run.dag_id}/{run.run_id}",
        f"A run of {run.chart_name or run.chart_slug or run.dag_id} failed",
        followed.FAILING.advice,
        (
            f"Run: {run.run_id} of {run.dag_id}, started {moment(run.started_at)}",
            f"Reason: {reason}",
            *([f"Failed items: {counts} of {run.calls} calls"] if counts else []),
            *run.reasons,
        ),
        {
            "chart": run.chart_slug,
            "chart_name": run.chart_name,
            "dag_id": run.dag_id,
            "run_id": run.run_id,
            "execution": run.id,
            "status": run.status,
            "error": reason,
            "failures": run.failures,
            "calls": run.calls,
            "reasons": run.reasons,
        },
        fingerprint="no report" if run.status in ("running", "lost") else f"{reason} {counts}",
    )


def failed_without_execution(dag_id: str, run_id: str, reason: str) -> Found:
    """The alert of an Airflow run that left nothing in the warehouse: of its DAG, whose next runs may fail alike."""
    return Found(
        FAILED_RUN,
        dag_id,
        f"A run of {dag_id} failed",
        "Open the run and read the log of the task that failed first: its last line says what to do. Then clear that "
        "task.",
        (f"Run: {run_id} of {dag_id}", f"Reason: {reason}"),
        {"dag_id": dag_id, "run_id": run_id, "execution": None, "error": reason},
    )


def without_warehouse(dag_id: str, run_id: str, reason: str, advice: str) -> Found:
    """The alert of a run that failed while the warehouse was away. It cannot be kept, nor be told once only."""
    return Found(
        FAILED_RUN,
        dag_id,
        f"A run of {dag_id} failed, and the warehouse does not answer",
        f"{advice} Then clear the runs that failed. While it is away only one alert an hour is sent.".strip(),
        (f"Run: {run_id} of {dag_id}", f"The warehouse: {reason}"),
        {"dag_id": dag_id, "run_id": run_id, "execution": None, "error": reason},
    )


def schedules(
    conn: Connection, settings: Settings, now: datetime, slugs: Sequence[str] | None = None
) -> dict[str, Looked]:
    """Two rules, in three queries whatever the number of schedules: rows that cannot be used (quarantine), and active
    schedules whose ranking should be here by now (overdue)."""
    follows = followed.judge(conn, settings, now, slugs).values()
    return {
        OVERDUE: Looked([overdue(one) for one in follows if one.overdue]),
        QUARANTINE: Looked([quarantine(one) for one in follows if one.schedule is None]),
    }


def overdue(of: Followed) -> Found:
    """The alert of a schedule that owes a ranking."""
    assert of.schedule
    assert of.overdue
    return Found(
        OVERDUE,
        of.slug,
        f"{of.schedule.name} is overdue",
        followed.OVERDUE.advice,
        (of.reason, f"Newest stored ranking: {of.standing.here or 'none'}"),
        {
            "chart": of.slug,
            "chart_name": of.schedule.name,
            "dag_id": of.schedule.dag_id,
            "day": of.overdue.day.isoformat(),
            "due_at": of.overdue.due_at.isoformat(),
            "reason": of.overdue.reason,
        },
    )


def quarantine(of: Followed) -> Found:
    """The alert of a schedule whose row cannot be used."""
    return Found(
        QUARANTINE,
        of.slug,
        f"The schedule of {of.slug} cannot be used",
        followed.QUARANTINED.advice,
        (f"Reason: {of.reason}",),
        {"chart": of.slug, "dag_id": dag_ids.of_chart(of.slug), "reason": of.reason},
        fingerprint=of.reason,
    )


def credentials(conn: Connection, settings: Settings, now: datetime, open: Collection[Alert]) -> Looked:
    """The account's credentials were refused, and no call has gone well since. There is one account, that of the
    connection `soundcharts`, so there is one alert: told again when they are refused for another reason."""
    seen = rows.see(conn)
    return Looked([credentials_refused(seen.refused_at, seen.refusal, seen.refused_runs)] if seen.refused_at else [])


def credentials_refused(at: datetime, why: str | None, runs: int) -> Found:
    """The alert. why: what the newest run that was ended by it says; None where it was another call."""
    ended = [f"Runs that it ended in the last {rows.NEWS_DAYS} days: {runs}"] if runs else []
    return Found(
        CREDENTIALS,
        "",
        account.REFUSED,
        account.ADVICE,
        (f"Refused at {moment(at)}" + (f": {why}" if why else ""), *ended),
        {"refused_at": at.isoformat(), "error": why, "runs": runs},
        fingerprint=_WHAT_WAS_ASKED.sub(", status ", why or ""),
    )


_WHAT_WAS_ASKED = re.compile(r": .*, status (?=\d)", re.DOTALL)
"""In a refusal: differs from call to call, though the reason is the same."""


def quota_short(conn: Connection, settings: Settings, now: datetime, open: Collection[Alert]) -> Looked:
    """The quota is spent, or will not last to the month's end."""
    seen = rows.see(conn)
    if seen.left is None:  # nothing is known, so what was told stays
        return Looked([], [alert.subject for alert in open])
    forecast = quota.forecast(conn, seen, now)
    verdict = quota.verdict(seen.left, forecast)
    return Looked([] if verdict.status == "ok" else [quota_alert(seen, forecast, verdict)])


def quota_alert(seen: AccountStanding, forecast: Forecast, verdict: Verdict) -> Found:
    """The alert of a quota that will not last."""
    left, need = seen.left or 0, forecast.need_regular
    lasts = f": enough for {left / forecast.regular_a_day:.0f} days" if left and forecast.regular_a_day else ""
    runs = seen.quota_runs if not left else 0
    return Found(
        QUOTA,
        "",
        "The quota will not last to the month's end" if left else "The quota is spent",
        verdict.advice,
        (
            f"Left: {left:,} calls{lasts}",
            f"Needed to {forecast.until}: about {need:,} calls, at {forecast.regular_a_day:,.0f} a day",
            *([f"Runs that it stopped in the last {rows.NEWS_DAYS} days: {runs}"] if runs else []),
        ),
        {
            "left": left,
            "need": need,
            "per_day": forecast.regular_a_day,
            "until": forecast.until.isoformat(),
            "runs": runs,
        },
        fingerprint="short" if left else "spent",
    )


def approval(dag_id: str, run_id: str, task_id: str, what: str, lines: Sequence[str], until: datetime) -> Found:
    """The alert of work that waits for a person. what: in one line; until: when nobody's answer becomes a no."""
    return Found(
        APPROVAL,
        approval_subject(dag_id, run_id, task_id),
        f"Waiting for approval: {what}",
        f"Answer under Required actions of the run in Airflow. Unanswered by {moment(until)}, nothing is fetched.",
        (f"Run: {run_id} of {dag_id}", *lines),
        {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "until": until.isoformat()},
    )


def approval_subject(dag_id: str, run_id: str, task_id: str) -> str:
    """What tells one question to a person from others."""
    return f"{dag_id}/{run_id}/{task_id}"


def slow_runs(conn: Connection, settings: Settings, now: datetime, open: Collection[Alert]) -> Looked:
    """Runs that take much longer for their calls than the chart's last runs of the same kind."""
    told = [(alert.details["chart"], alert.details["kind"]) for alert in open]
    latest = {_pace_subject(pace): pace for pace in failing.paces(conn, told)}  # the newest of a kind counts
    findings = [slow_run(pace) for pace in latest.values() if _is_slow(pace, settings)]
    # A running run that is not slow yet says nothing about its kind.
    unknown = {alert.subject for alert in open} - {subject for subject, pace in latest.items() if not pace.at_work}
    return Looked(findings, unknown)


def slow_run(pace: RunPace) -> Found:
    """The alert of a run and its kind."""
    usual = pace.usual_seconds or 0.0
    verb = "has taken" if pace.at_work else "took"
    return Found(
        SLOW_RUN,
        _pace_subject(pace),
        f"{pace.chart_name or pace.chart_slug}: a run is much slower than usual",
        "See in the run which task takes so long. Often the API answers slowly or limits calls (the run's calls "
        "show it), "
        "or the machine is busy with other runs. A slow run has not failed: there is nothing to start again.",
        (
            f"Run: {pace.run_id} of {pace.dag_id}",
            f"It {verb} {span(pace.seconds)} for {pace.calls} calls; the last {pace.earlier} of its kind took "
            f"{span(usual)} for {pace.usual_calls or 0:.0f}",
        ),
        {
            "chart": pace.chart_slug,
            "chart_name": pace.chart_name,
            "dag_id": pace.dag_id,
            "run_id": pace.run_id,
            "kind": pace.kind,
            "seconds": round(pace.seconds),
            "usual_seconds": round(usual),
            "calls": pace.calls,
        },
    )


def fields_gone(conn: Connection, settings: Settings, now: datetime, open: Collection[Alert]) -> Looked:
    """Fields that always came and are missing in most answers of late, an alert for each endpoint."""
    gone: dict[str, list[Drift]] = {}
    for one in answers.gone(conn, now):
        gone.setdefault(one.endpoint, []).append(one)
    return Looked([_field_gone(endpoint, fields) for endpoint, fields in gone.items()])


def _field_gone(endpoint: str, fields: Sequence[Drift]) -> Found:
    paths = sorted(one.path for one in fields)
    since = min(one.first_seen_at for one in fields)
    return Found(
        FIELD_GONE,
        endpoint,
        f"Soundcharts leaves out what it always gave: {', '.join(paths[:3])}{' and more' if len(paths) > 3 else ''}",
        answers.ADVICE,
        (f"Endpoint: {endpoint}, since {moment(since)}", *(f"Missing: {path}" for path in paths[:20])),
        {"endpoint": endpoint, "fields": paths, "since": since.isoformat()},
        ",".join(paths),
    )


def odd_data(conn: Connection, settings: Settings, now: datetime, open: Collection[Alert]) -> Looked:
    """What checks found in what is stored, an alert for each check: told again when a later day brings more."""
    return Looked([_odd_data(one) for one in stored.standing(conn)])


def _odd_data(of: stored.OpenFindings) -> Found:
    check, findings = of.check, of.findings
    return Found(
        DATA,
        check.name,
        f"{check.meaning.rstrip('.')}{f' ({len(findings)} times)' if len(findings) > 1 else ''}",
        f"{check.advice} See the page Checks.",
        tuple(finding.what for finding in findings[:20]),
        {
            "check": check.name,
            "severity": check.severity,
            "count": len(findings),
            "charts": sorted({finding.chart_slug for finding in findings if finding.chart_slug}),
        },
        of.newest.isoformat(),
    )


def _is_slow(pace: RunPace, settings: Settings) -> bool:
    if pace.earlier < ENOUGH_RUNS or pace.usual_seconds is None:
        return False
    usual = pace.usual_seconds * max(1.0, pace.calls / max(pace.usual_calls or 0.0, 1.0))  # more calls may take longer
    return pace.seconds > settings.alert_slow_factor * usual and pace.seconds > usual + 60 * settings.alert_slow_minutes


def _pace_subject(pace: RunPace) -> str:
    return f"{pace.chart_slug} {pace.kind}"


def of_account(error: str | None) -> str | None:
    """The kind of alert that tells of a run's end where the account is to blame; None where the run's own does."""
    return OF_ACCOUNT.get(_reason(error))


def _reason(error: str | None) -> str:
    """The kind at the beginning of a run's error."""
    return (error or "").partition(":")[0]


def plain(text: str) -> str:
    """One line of printable characters: names come from the API."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in str(text)).split())


def moment(at: datetime) -> str:
    """A time for people."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def span(seconds: float) -> str:
    """A duration for people."""
    minutes = seconds / 60
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
