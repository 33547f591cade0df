"""Alerts through real notifiers and webhooks: a mail server and a web server on this machine hear them."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator
from email.header import decode_header, make_header
from hashlib import sha256
from typing import Any

import pytest
from airflow.sdk import DAG, BaseHook, BaseNotifier
from psycopg.conninfo import conninfo_to_dict
from tests.receivers import MailServer, Receiver, html_of, served

from chartline.alerts import message as alert_message
from chartline.alerts import telling
from chartline.alerts.webhooks import signature
from chartline.settings import Settings
from chartline.warehouse.connect import connect
from chartline_airflow import notifier
from chartline_airflow.channels import channels

SECRET = "hook-secret-of-tests"
SCRIPT = '<script>alert("x")</script> & {{ 7 * 7 }}'


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with served(MailServer()) as server:
        connection = {
            "conn_type": "smtp", "host": "127.0.0.1", "port": server.server_address[1],
            "extra": {"disable_ssl": True, "disable_tls": True, "from_email": "chartline@example.org"},
        }  # fmt: skip
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        yield server


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with served(Receiver()) as server:
        connect_hook(monkeypatch, server)
        yield server


def connect_hook(monkeypatch: pytest.MonkeyPatch, server: Receiver, **changes: Any) -> None:
    host = f"http://127.0.0.1:{server.server_address[1]}/hooks/token-in-a-path"
    given = {"conn_type": "http", "host": host, "password": SECRET} | changes
    monkeypatch.setenv("AIRFLOW_CONN_PAGER", json.dumps(given))


@pytest.fixture
def message() -> dict[str, Any]:
    said = alert_message.a_test("person")
    said["event"] = "opened"
    said["alert"] |= {"kind": "failed_run", "title": f"A run of {SCRIPT} failed", "details": {"lines": [SCRIPT]}}
    return said


def of(**settings: Any) -> dict[str, telling.Channel]:
    return channels(Settings(**{f"alert_{name}": value for name, value in settings.items()}))


def notifiers(*given: dict[str, Any]) -> str:
    return json.dumps(given)


SMTP = {"class": "airflow.providers.smtp.notifications.smtp.SmtpNotifier", "kwargs": {"to": "people@example.org"}}


def test_a_mail_by_airflows_own_notifier_with_a_script_as_text(mail: MailServer, message: dict[str, Any]) -> None:
    outcome = of(notifiers=notifiers(SMTP))["SmtpNotifier"].send(message, "1")
    assert (outcome.ok, outcome.error) == (True, "")
    (got,) = mail.mails
    assert str(make_header(decode_header(got["Subject"]))) == f"[Chartline] A run of {SCRIPT} failed"
    html = html_of(got)
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "{{ 7 * 7 }}" in html  # text, not a template
    assert "What to do" in html


def test_texts_of_the_settings_go_before_ours(mail: MailServer, message: dict[str, Any]) -> None:
    own = {"to": "people@example.org", "subject": "{{ alert.kind }}: {{ alert.event }}"}
    assert of(notifiers=notifiers(SMTP | {"name": "mail", "kwargs": own}))["mail"].send(message, "1").ok
    assert mail.mails[0]["Subject"] == "failed_run: opened"


def test_a_mail_server_that_is_away(monkeypatch: pytest.MonkeyPatch, message: dict[str, Any]) -> None:
    away = {"conn_type": "smtp", "host": "127.0.0.1", "port": 1, "password": "mail-secret-1",
            "extra": {"disable_ssl": True, "from_email": "c@example.org"}}  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(away))
    outcome = of(notifiers=notifiers(SMTP))["SmtpNotifier"].send(message, "1")
    assert not outcome.ok
    assert outcome.away
    assert "ConnectionRefusedError" in outcome.error


class Leaking(BaseNotifier):
    """Its trouble names the connection's secret."""

    def notify(self, context: Any) -> None:
        raise ValueError(f"no way with {BaseHook.get_connection('pager').password}")


def test_a_secret_in_a_notifiers_trouble_does_not_show(receiver: Receiver, message: dict[str, Any]) -> None:
    outcome = of(notifiers=notifiers({"class": f"{Leaking.__module__}.Leaking"}))["Leaking"].send(message, "1")
    assert not outcome.ok
    assert not outcome.away
    assert SECRET not in outcome.error


class Unreachable(BaseNotifier):
    """Its trouble names the address, as those of HTTP libraries do; whoever knows it can post there."""

    def notify(self, context: Any) -> None:
        raise ValueError(
            "Max retries exceeded with url: /api/webhooks/1/token-one?wait=1 (Caused by: refused); "
            "404 for 'https://user:token-two@chat.example:8443/services/token-three'"
        )


def test_an_address_in_a_notifiers_trouble_is_told_by_its_host_alone(message: dict[str, Any]) -> None:
    outcome = of(notifiers=notifiers({"class": f"{Unreachable.__module__}.Unreachable"}))["Unreachable"].send(
        message, "1"
    )
    assert "token" not in outcome.error
    assert "user" not in outcome.error
    assert outcome.error == (
        "ValueError: Max retries exceeded with url: /… (Caused by: refused); 404 for 'chat.example:8443/…'"
    )


def test_a_connection_that_cannot_be_read_does_not_keep_others_from_being_told(
    message: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PAGER", "{not json")
    outcome = of(webhooks="pager")["pager"].send(message, "1")
    assert not outcome.ok
    assert "pager" in outcome.error


def test_what_is_no_notifier_is_named(message: dict[str, Any]) -> None:
    for path, why in (("json.JSONDecoder", "TypeError"), ("no.such.Thing", "ModuleNotFoundError")):
        outcome = next(iter(of(notifiers=notifiers({"class": path})).values())).send(message, "1")
        assert why in outcome.error


def test_a_webhook_is_signed_over_its_time_and_body(receiver: Receiver, message: dict[str, Any]) -> None:
    outcome = of(webhooks="pager")["pager"].send(message, "17")
    assert (outcome.ok, outcome.status) == (True, 204)
    ((headers, body),) = receiver.came
    assert json.loads(body) == message
    stamp = headers["X-Chartline-Timestamp"]
    expected = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, sha256).hexdigest()
    assert headers["X-Chartline-Signature"] == f"sha256={expected}"
    assert signature(SECRET, stamp, body) == expected
    assert signature("another", stamp, body) != expected
    assert signature(SECRET, "1", body) != expected
    assert (headers["X-Chartline-Delivery"], headers["X-Chartline-Event"]) == ("17", "opened")
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(("status", "away"), [(500, True), (429, True), (400, False), (302, False)])
def test_anything_but_2xx_is_not_told(receiver: Receiver, message: dict[str, Any], status: int, away: bool) -> None:
    receiver.status = status
    outcome = of(webhooks="pager")["pager"].send(message, "1")
    assert (outcome.ok, outcome.status, outcome.away) == (False, status, away)
    assert len(receiver.came) == 1  # a redirect is not followed


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"password": ""}, "no password"),
        ({"host": ""}, "not a web address"),
        ({"host": "ftp://example.org"}, "not a web address"),
        ({"host": "http://127.0.0.1:1/token-in-a-path"}, "No answer"),
        ({"host": "http://a..b/token-in-a-path"}, "No answer"),
        ({"host": f"http://{'a' * 70}.example/token-in-a-path"}, "No answer"),
        ({"host": "http://127.0.0.1\r\nX-Chartline-Event: solved/token-in-a-path"}, "not a web address"),
    ],
)
def test_a_webhook_that_cannot_be_used_says_why_without_a_secret(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, message: dict[str, Any], changes: dict[str, Any], why: str
) -> None:
    connect_hook(monkeypatch, receiver, **changes)
    outcome = of(webhooks="pager")["pager"].send(message, "1")
    assert not outcome.ok
    assert why in outcome.error
    assert "token-in-a-path" not in outcome.error
    assert SECRET not in outcome.error
    assert receiver.came == []


def test_a_connection_that_is_missing_is_named(message: dict[str, Any]) -> None:
    assert "pager" in of(webhooks="pager")["pager"].send(message, "1").error


@pytest.mark.parametrize("given", ["{", "{}", "[1]", '[{"class": "x"}]', '[{"class": "a.B", "kwargs": 1}]',
                                   '[{"class": "a.B", "key": 1}]', '[{"class": "a.B"}, {"class": "c.B"}]'])  # fmt: skip
def test_settings_that_cannot_be_read_say_so_and_keep_no_webhook_from_being_told(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, message: dict[str, Any], given: str
) -> None:
    connect_hook(monkeypatch, receiver)
    ways = of(webhooks="pager", notifiers=given)
    assert ways.keys() == {"pager", "CHARTLINE_ALERT_NOTIFIERS"}
    assert "CHARTLINE_ALERT_NOTIFIERS is refused" in ways["CHARTLINE_ALERT_NOTIFIERS"].send(message, "1").error
    assert ways["pager"].send(message, "1").ok


def test_a_receiver_that_is_down_for_a_while_hears_it_later(
    warehouse_url: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = of(webhooks="pager")
    with connect(warehouse_url) as conn:
        conn.autocommit = True
        receiver.status = 503
        telling.run_failed(conn, Settings(), "housekeeping", "r1", "Airflow says: x", channels=ways)
        assert telling.deliver(conn, ways).failed == 1
        receiver.status = 200
        assert telling.deliver(conn, ways).told == 0  # it waits
        conn.execute("update chartline.alert_outbox set due_at = now()")
        assert telling.deliver(conn, ways).told == 1
        telling.run_succeeded(conn, "housekeeping", channels=ways)
        assert telling.deliver(conn, ways).told == 1
        found = conn.execute("select attempt, event, status from chartline.alert_delivery order by id").fetchall()
        kept = conn.execute("select string_agg(d::text, '') from chartline.alert_delivery d").fetchone()
    assert found == [(1, "opened", 503), (2, "opened", 200), (1, "solved", 200)]
    assert SECRET not in str(kept)
    assert [json.loads(body)["event"] for _, body in receiver.came] == ["opened", "opened", "solved"]
    numbers = [headers["X-Chartline-Delivery"] for headers, _ in receiver.came]
    assert numbers[0] == numbers[1] != numbers[2]


# -- the callback ------------------------------------------------------------------------------------------


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, receiver: Receiver) -> Callable[..., None]:
    """Calls the notifier as Airflow's DAG processor does."""
    monkeypatch.setenv("CHARTLINE_HOME", str(tmp_path))
    monkeypatch.setattr(notifier, "settings", lambda: Settings(alert_webhooks="pager"))

    def call(url: str, *, well: bool = False) -> None:
        parts = conninfo_to_dict(url)
        warehouse = {
            "conn_type": "postgres", "host": parts["host"], "port": int(str(parts["port"])), "login": parts["user"],
            "password": parts.get("password", ""), "schema": parts["dbname"],
        }  # fmt: skip
        monkeypatch.setenv("AIRFLOW_CONN_CHARTLINE_WAREHOUSE", json.dumps(warehouse))
        notifier.ChartlineNotifier(well=well)(
            {"dag": DAG("housekeeping", schedule=None), "run_id": "r1", "reason": "task_failure"}
        )

    return call


def test_a_failed_run_is_told_at_once_and_that_it_went_well_again(
    fail: Callable[..., None], warehouse_url: str, receiver: Receiver
) -> None:
    fail(warehouse_url)
    fail(warehouse_url)
    fail(warehouse_url, well=True)
    told = [json.loads(body) for _, body in receiver.came]
    assert [one["event"] for one in told] == ["opened", "solved"]
    assert "task_failure" in told[0]["alert"]["details"]["error"]


def test_while_the_warehouse_is_away_it_is_told_once_an_hour(fail: Callable[..., None], receiver: Receiver) -> None:
    for _ in range(3):
        fail("postgresql://nobody:away-secret@127.0.0.1:1/none")
    ((_, body),) = receiver.came
    assert "the warehouse does not answer" in json.loads(body)["alert"]["title"]
    assert b"away-secret" not in body
