"""What an alert says: as JSON, as text and as HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from chartline.alerts import rules
from chartline.alerts.rules import Found
from chartline.warehouse.alerts import Alert

WORDS = {"opened": "", "changed": "Changed: ", "solved": "Solved: ", "test": ""}


@dataclass(frozen=True)
class Event:
    """What happened to an alert: opened, changed or solved."""

    event: str
    alert: Alert


def message(event: Event, base_url: str = "") -> dict[str, Any]:
    """What is sent: the webhook's body, and what the texts are made from. All of it is JSON."""
    of = event.alert
    return {
        "event": event.event,
        "at": datetime.now(UTC).isoformat(),
        "alert": {
            "id": of.id,
            "kind": of.kind,
            "subject": of.subject,
            "state": of.state,
            "title": of.title,
            "advice": of.advice,
            "details": of.details,
            "opened_at": of.opened_at.isoformat(),
            "solved_at": of.solved_at.isoformat() if of.solved_at else None,
        },
        "link": link(of.details, base_url),
    }


def unrecorded(finding: Found, base_url: str = "") -> dict[str, Any]:
    """The message of something that cannot be kept in the warehouse."""
    now = datetime.now(UTC)
    return message(
        Event("opened", Alert(0, state="open", opened_at=now, last_seen_at=now, solved_at=None, **finding.values())),
        base_url,
    )


def a_test(who: str, base_url: str = "") -> dict[str, Any]:
    """The message of a test."""
    now = datetime.now(UTC).isoformat()
    return {
        "event": "test",
        "at": now,
        "alert": {
            "id": None,
            "kind": "test",
            "subject": "",
            "state": "solved",
            "title": "A test of Chartline's alerts",
            "advice": "Nothing is wrong: alerts reach you here.",
            "details": {"lines": [f"Asked for by {rules.plain(who) or 'somebody'}."]},
            "opened_at": now,
            "solved_at": now,
        },
        "link": base_url,
    }


def link(details: Mapping[str, Any], base_url: str) -> str:
    """Where a person can see it: the run's page or the DAG's."""
    if not base_url or not details.get("dag_id"):
        return base_url
    place = f"{base_url.rstrip('/')}/dags/{quote(str(details['dag_id']), safe='')}"
    if not details.get("run_id"):
        return place
    place = f"{place}/runs/{quote(str(details['run_id']), safe='')}"
    if not details.get("task_id"):
        return place
    return f"{place}/tasks/{quote(str(details['task_id']), safe='')}/required_actions"


def headline(message: Mapping[str, Any]) -> str:
    """One line: the subject of a mail."""
    return f"[Chartline] {WORDS.get(str(message['event']), '')}{message['alert']['title']}"


def as_text(message: Mapping[str, Any]) -> str:
    """The message for people, as plain text."""
    return "\n".join([headline(message), "", *_body(message)])


def as_html(message: Mapping[str, Any]) -> str:
    """The message for people, as HTML: every text in it is escaped."""
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in message["alert"]["details"].get("lines", []))
    where = html.escape(str(message.get("link") or ""))
    parts = [
        f"<h2>{html.escape(headline(message))}</h2>",
        f"<ul>{lines}</ul>" if lines else "",
        f"<p><b>What to do:</b> {html.escape(message['alert']['advice'])}</p>" if _is_open(message) else "",
        f'<p><a href="{where}">{where}</a></p>' if where.startswith(("http://", "https://")) else "",
    ]
    return "\n".join(part for part in parts if part)


def _body(message: Mapping[str, Any]) -> Iterable[str]:
    yield from message["alert"]["details"].get("lines", [])
    if _is_open(message):
        yield ""
        yield f"What to do: {message['alert']['advice']}"
    if message.get("link"):
        yield ""
        yield str(message["link"])


def _is_open(message: Mapping[str, Any]) -> bool:
    return str(message["event"]) != "solved"
