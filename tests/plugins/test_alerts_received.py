"""Every kind of alert, from what provokes it in the warehouse to the mail and the signed webhook that tell it."""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from hashlib import sha256
from typing import Any

from tests.integration.alerts.test_telling import called, conn, ran, spent_lately
from tests.plugins.test_channels import SECRET, SMTP, mail, notifiers, of, receiver
from tests.receivers import MailServer, Receiver, html_of

from chartline.alerts import telling
from chartline.settings import Settings
from chartline.soundcharts.models import ChartLight
from chartline.warehouse import charts
from chartline.warehouse.connect import Connection

__all__ = ["conn", "mail", "receiver"]

KINDS = {"failed_run", "credentials", "overdue", "quarantine", "quota", "slow_run"}


def follow(conn: Connection, slug: str, frequency: str) -> None:
    """Follow a chart since five days; nothing of it has run."""
    chart = ChartLight(slug=slug, name=slug, platform="spotify", frequency="daily", country_code="FR")
    with conn.transaction():
        charts.upsert_chart(conn, chart)
    conn.execute(
        """insert into chartline.chart_sync_schedule
               (chart_id, sync_frequency, track_platforms, artist_platforms, created_at)
           select id, %s, '{spotify}', '{spotify}', now() - interval '5 days' from chartline.chart where slug = %s""",
        (frequency, slug),
    )


def provoke(conn: Connection) -> None:
    now = datetime.now(UTC)
    follow(conn, "late", "daily")
    follow(conn, "wrong", "fortnightly")
    for back in range(2, 9):
        at = now - timedelta(days=back)
        ran(conn, f"d{back}", "complete", started_at=at, finished_at=at + timedelta(minutes=2), calls=50)
    spent_lately(conn)
    then: dict[str, Any] = {"started_at": now - timedelta(hours=2), "finished_at": now - timedelta(hours=1)}
    ran(conn, "r1", error="Failed: fetch_ranking.", **then)
    ran(conn, "r2", error="credentials_refused: 401. Check login and password.", **then)
    ran(conn, "slow", "running", started_at=now - timedelta(minutes=30))
    called(conn, at=now - timedelta(minutes=90), quota_left=3)  # no call has gone well since the refusal


def mend(conn: Connection) -> None:
    conn.execute(
        """update chartline.chart_sync_schedule s
           set is_active = false, sync_frequency = c.frequency from chartline.chart c where c.id = s.chart_id"""
    )
    conn.execute(
        """update chartline.chart_sync_execution
           set status = 'complete', started_at = started_at - interval '3 days', finished_at = now() - interval '3 days'
           where run_id in ('r2', 'slow')"""
    )
    ran(conn, "next", "complete", started_at=datetime.now(UTC), calls=50)
    called(conn, at=datetime.now(UTC), quota_left=1_000_000_000)


def heard(receiver: Receiver) -> list[tuple[str, str]]:
    """Events and kinds that the webhook told since it was last asked; each is signed."""
    found = []
    for headers, body in receiver.came:
        signed = hmac.new(SECRET.encode(), f"{headers['X-Chartline-Timestamp']}.".encode() + body, sha256).hexdigest()
        assert headers["X-Chartline-Signature"] == f"sha256={signed}"
        said: dict[str, Any] = json.loads(body)
        found.append((said["event"], said["alert"]["kind"]))
    receiver.came.clear()
    return sorted(found)


def test_each_kind_is_received_once_and_then_that_it_is_solved(
    conn: Connection, mail: MailServer, receiver: Receiver
) -> None:
    ways = of(webhooks="pager", notifiers=notifiers(SMTP))
    for change, event in ((provoke, "opened"), (mend, "solved")):
        change(conn)
        telling.update(conn, Settings(), channels=ways, base_url="https://airflow.example")
        told = telling.deliver(conn, ways)
        assert (told.failed, told.given_up) == (0, 0)
        assert heard(receiver) == sorted((event, kind) for kind in KINDS)
        telling.update(conn, Settings(), channels=ways, base_url="https://airflow.example")
        assert telling.deliver(conn, ways).told == 0
    subjects = [str(make_header(decode_header(got["Subject"]))) for got in mail.mails]
    assert len(subjects) == 2 * len(KINDS)
    assert sum("Solved" in subject for subject in subjects) == len(KINDS)
    assert all(
        "What to do" in html_of(got)
        for got, subject in zip(mail.mails, subjects, strict=True)
        if "Solved" not in subject
    )
