"""Chartline in numbers, in Prometheus' text format (version 0.0.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isinf, isnan
from typing import Literal, get_args

from chartline.domain.run_status import STATUSES
from chartline.operating import quota as quotas
from chartline.operating.conditions import followed, quota
from chartline.operating.conditions.followed import State
from chartline.settings import Settings
from chartline.warehouse import usage
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import account, health


@dataclass
class Metric:
    """One metric and its samples: (labels, value)."""

    name: str
    kind: Literal["gauge", "counter"]
    told: str
    samples: list[tuple[Mapping[str, str], float]] = field(default_factory=list)

    def add(self, value: float | None, **labels: str) -> Metric:
        """With one more sample; none where there is no value."""
        if value is not None:
            self.samples.append((labels, value))
        return self


def text(conn: Connection, settings: Settings, now: datetime) -> str:
    """All metrics. Eleven queries; a series for each followed chart, else a fixed number."""
    return render(collect(conn, settings, now))


def collect(conn: Connection, settings: Settings, now: datetime) -> list[Metric]:
    """The metrics with their values."""
    follows = followed.judge(conn, settings, now)
    totals = health.totals(conn)
    stored = health.stored(conn)
    by_status = health.executions_by_status(conn)
    alerts = health.open_alerts(conn)
    today = now.astimezone(UTC).date()
    left = account.see(conn)
    lately = quota.lately(conn, now)
    forecast = quota.forecast_of(lately, usage.first_day(conn), left, now)
    spent = quota.sums((one for one in lately if one.day == today), quotas.resource)

    states = Counter(one.state for one in follows.values())
    schedules = Metric("chartline_schedules", "gauge", "Followed charts by state.")
    for state in get_args(State):
        if state != "not_followed":
            schedules.add(states[state], state=state)
    conditions = Metric("chartline_condition", "gauge", "What is wrong: how many charts, or 1; 0 where it is not.")
    for verdict in [*followed.verdicts(follows), quota.verdict(left.left, forecast)]:
        is_wrong = verdict.status in ("warning", "error")
        conditions.add(max(len(verdict.subjects), 1) if is_wrong else 0, name=verdict.name)
    executions = Metric("chartline_executions", "gauge", "Executions that are kept, by status.")
    for status in STATUSES:
        executions.add(by_status.get(status, 0), status=status)
    calls = Metric("chartline_api_calls_today", "gauge", "Calls made today (UTC), by resource.")
    failed = Metric("chartline_api_calls_failed_today", "gauge", "Those of them that failed.")
    for resource, one in sorted(spent.items()):
        calls.add(one.calls, resource=resource)
        failed.add(one.failed, resource=resource)
    open_alerts = Metric("chartline_alerts_open", "gauge", "Open alerts by kind.")
    for kind in sorted(alerts):
        open_alerts.add(alerts[kind], kind=kind)
    age = Metric("chartline_chart_ranking_age_days", "gauge", "Days since the day of a chart's newest stored ranking.")
    streak = Metric("chartline_chart_failures", "gauge", "Runs of a chart's DAG that broke down since one went well.")
    for slug, follow in sorted(follows.items()):
        here = follow.standing.here
        age.add((today - here) / timedelta(days=1) if here else None, chart=slug)
        streak.add(follow.standing.failures, chart=slug)
    success = totals.last_success
    return [
        Metric("chartline_up", "gauge", "1: the warehouse answers.").add(1),
        schedules,
        conditions,
        Metric("chartline_charts", "gauge", "Charts of the catalogue.").add(totals.charts),
        Metric("chartline_rankings", "gauge", "Stored rankings.").add(stored.rankings),
        Metric("chartline_tracks", "gauge", "Tracks.").add(stored.tracks),
        Metric("chartline_artists", "gauge", "Artists.").add(stored.artists),
        executions,
        Metric("chartline_last_success_timestamp_seconds", "gauge", "When a run last ended well.").add(
            success.timestamp() if success else None
        ),
        Metric("chartline_quota_left", "gauge", "Calls left, as the API last said.").add(left.left),
        Metric("chartline_quota_spent_today", "gauge", "Calls billed today (UTC).").add(
            sum(one.billed for one in spent.values())
        ),
        Metric("chartline_quota_needed", "gauge", "Calls that the followed charts need to the month's end.").add(
            forecast.need_regular
        ),
        calls,
        failed,
        open_alerts,
        age,
        streak,
    ]


def render(metrics: Iterable[Metric]) -> str:
    """As the format has it; metrics without a sample are left out."""
    lines = []
    for metric in metrics:
        if metric.samples:
            lines.append(f"# HELP {metric.name} {_help(metric.told)}")
            lines.append(f"# TYPE {metric.name} {metric.kind}")
            lines += [f"{metric.name}{_labels(labels)} {_number(value)}" for labels, value in metric.samples]
    return "".join(f"{line}\n" for line in lines)


def _help(told: str) -> str:
    return told.replace("\\", "\\\\").replace("\n", "\\n")


def _labels(labels: Mapping[str, str]) -> str:
    pairs = [f'{name}="{_value(value)}"' for name, value in labels.items()]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _value(told: str) -> str:
    return told.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(value)
