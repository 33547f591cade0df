"""Alerts: noticed, told once, told again when there is something new, and told when they are solved.

`update` compares what is wrong with what is open and puts what is to be told into the outbox, in one transaction;
`deliver` works the outbox off. Both may run anywhere and at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from chartline.alerts import rules
from chartline.alerts.message import Event, a_test, message
from chartline.alerts.rules import Found, Looked, Rule
from chartline.alerts.webhooks import Outcome
from chartline.domain import dag_ids
from chartline.settings import Settings
from chartline.soundcharts.redaction import redact
from chartline.warehouse import alerts
from chartline.warehouse.alerts import Alert
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import failing

RULES: dict[str, Rule] = {
    rules.CREDENTIALS: rules.credentials,
    rules.FAILED_RUN: rules.failed_runs,
    rules.QUOTA: rules.quota_short,
    rules.SLOW_RUN: rules.slow_runs,
    rules.FIELD_GONE: rules.fields_gone,
    rules.DATA: rules.odd_data,
}
"""By kind. The two about schedules share their queries, see `update`."""

WAITS = (15.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 12 * 3600.0)
"""Seconds after each failed attempt; after the last it is given up."""
SETTLING = timedelta(minutes=1)
"""So young, a question to a person may not be seen in Airflow yet."""
PASS_SECONDS = 60.0
LONGEST_ERROR = 300


class Channel(Protocol):
    """A way to tell people."""

    def send(self, message: Mapping[str, Any], number: str) -> Outcome:
        """Tell it. `number`: the same each time the same message is tried. Returns how it went; does not raise."""
        ...


def update(
    conn: Connection,
    settings: Settings,
    *,
    channels: Collection[str],
    base_url: str = "",
    awaited: Callable[[Alert], bool] = lambda alert: True,
) -> list[Event]:
    """Apply every rule; what happened. channels: names of those that are told. base_url: of Airflow's pages, for
    links. awaited: whether Airflow still waits for the answer that an alert of the kind `approval` is about. Needs a
    connection in autocommit; makes no call."""
    now = datetime.now(UTC)
    with conn.transaction():
        alerts.lock(conn)
        known = alerts.of_kinds(conn, rules.KINDS)
        looked = rules.schedules(conn, settings, now)
        for kind, rule in RULES.items():
            looked[kind] = rule(conn, settings, now, [alert for alert in known.values() if alert.kind == kind])
        asked = [alert for alert in known.values() if alert.kind == rules.APPROVAL]
        looked[rules.APPROVAL] = Looked(
            [], [alert.subject for alert in asked if now - alert.opened_at < SETTLING or awaited(alert)]
        )
        return _settle(conn, looked, known, channels, base_url)


def notice(conn: Connection, finding: Found, *, channels: Collection[str], base_url: str = "") -> list[Event]:
    """This is wrong, or waits for a person, now."""
    with conn.transaction():
        alerts.lock(conn)
        known = {
            key: alert for key, alert in alerts.of_kinds(conn, [finding.kind]).items() if key[1] == finding.subject
        }
        return _settle(conn, {finding.kind: Looked([finding])}, known, channels, base_url)


def solved(conn: Connection, kind: str, subject: str, *, channels: Collection[str], base_url: str = "") -> list[Event]:
    """That is so no more."""
    with conn.transaction():
        alerts.lock(conn)
        known = {key: alert for key, alert in alerts.of_kinds(conn, [kind]).items() if key[1] == subject}
        return _settle(conn, {kind: Looked([])}, known, channels, base_url)


def run_failed(
    conn: Connection,
    settings: Settings,
    dag_id: str,
    run_id: str,
    reason: str,
    *,
    channels: Collection[str],
    base_url: str = "",
) -> list[Event]:
    """An Airflow run of ours failed: notice it now, whether or not it came to report. reason: what Airflow says."""
    with conn.transaction():
        alerts.lock(conn)
        run = failing.run_of(conn, dag_id, run_id)
        if run and (kind := rules.of_account(run.error)):
            known = alerts.of_kinds(conn, [kind])
            looked = RULES[kind](conn, settings, datetime.now(UTC), known.values())
            return _settle(conn, {kind: looked}, known, channels, base_url)
        if run is None:
            finding = _quarantined(conn, settings, dag_id) or rules.failed_without_execution(dag_id, run_id, reason)
        else:
            finding = rules.failed_run(run)
        known = {
            key: alert for key, alert in alerts.of_kinds(conn, [finding.kind]).items() if key[1] == finding.subject
        }
        return _settle(conn, {finding.kind: Looked([finding])}, known, channels, base_url)


def run_succeeded(conn: Connection, dag_id: str, *, channels: Collection[str], base_url: str = "") -> list[Event]:
    """A run of a DAG went well that leaves no execution: the alerts of its earlier runs are solved."""
    with conn.transaction():
        alerts.lock(conn)
        known = {
            key: alert
            for key, alert in alerts.of_kinds(conn, [rules.FAILED_RUN]).items()
            if dag_ids.today(alert.details.get("dag_id", "")) == dag_ids.today(dag_id)
            and alert.details.get("execution") is None
        }
        return _settle(conn, {rules.FAILED_RUN: Looked([])}, known, channels, base_url) if known else []


def _quarantined(conn: Connection, settings: Settings, dag_id: str) -> Found | None:
    """The alert of the DAG's schedule, when that is what makes it fail."""
    slug = dag_ids.slug(dag_id)
    return rules.schedules(conn, settings, datetime.now(UTC), [slug])[rules.QUARANTINE].first if slug else None


def _settle(
    conn: Connection,
    looked: Mapping[str, Looked],
    known: Mapping[tuple[str, str], Alert],
    channels: Collection[str],
    base_url: str,
) -> list[Event]:
    """Compare with what is open, write it down, and have it told."""
    events, same = [], []
    findings = {(one.kind, one.subject): one for of in looked.values() for one in of.found}
    for key, one in findings.items():
        before = known.get(key)
        if before and before.fingerprint == one.fingerprint:
            same.append(before.id)
        else:
            events.append(Event("changed" if before else "opened", alerts.put(conn, one.values())))
    alerts.seen(conn, same)
    stay = findings.keys() | {(kind, subject) for kind, of in looked.items() for subject in of.unknown}
    gone = [alert.id for key, alert in known.items() if key not in stay]
    events += [Event("solved", alert) for alert in alerts.solve(conn, gone)]
    for event in events:
        alerts.enqueue(conn, event.alert.id, event.event, message(event, base_url), list(channels))
    return events


# -- telling it --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Delivered:
    """What a pass came to: told, not told, given up; and in how many seconds the next attempt is due, if any."""

    told: int = 0
    failed: int = 0
    given_up: int = 0
    next_due: float | None = None


def deliver(
    conn: Connection, channels: Mapping[str, Channel], clock: Callable[[], float] = time.monotonic
) -> Delivered:
    """Tell what is due, for at most `PASS_SECONDS`. Each attempt is logged; a failed one waits longer each time
    (`WAITS`), and where nobody is there to hear, the channel's others wait too. Needs a connection in autocommit."""
    began, told, failed, given_up = clock(), 0, 0, alerts.drop_other_channels(conn, list(channels))
    while clock() - began < PASS_SECONDS:
        with conn.transaction():
            due = alerts.take_due(conn, list(channels))
            if due is None:
                break
            outcome = _send(conn, channels[due.channel], due.channel, due.message, due)
            if outcome.ok:
                alerts.told(conn, due.id)
                told += 1
            elif due.attempts >= len(WAITS):
                alerts.told(conn, due.id)
                given_up += 1
            else:
                alerts.postpone(conn, due, WAITS[due.attempts], whole_channel=outcome.away)
                failed += 1
    return Delivered(told, failed, given_up, alerts.next_due(conn))


def send_test(conn: Connection, channels: Mapping[str, Channel], who: str, base_url: str = "") -> dict[str, Outcome]:
    """Send a test on every channel, once, and say how each went. It is in the log of deliveries."""
    said = a_test(who, base_url)
    return {name: _send(conn, channel, name, said) for name, channel in channels.items()}


def _send(
    conn: Connection, channel: Channel, name: str, message: Mapping[str, Any], due: alerts.Due | None = None
) -> Outcome:
    number = f"{due.id}" if due else f"test-{time.time_ns()}"
    outcome = channel.send(message, number)
    outcome = replace(outcome, error=redact(outcome.error)[:LONGEST_ERROR])
    alerts.log_delivery(
        conn,
        alert_id=due.alert_id if due else None,
        channel=name,
        event=str(message["event"]),
        attempt=due.attempts + 1 if due else 1,
        status=outcome.status,
        ms=outcome.ms,
        error=None if outcome.ok else outcome.error,
    )
    return outcome
