"""Alerts on a real Airflow: a run that fails is told within seconds by mail and webhook, and told when it is solved."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.receivers import MailServer, Receiver, html_of, served

from chartline.alerts.webhooks import signature

from .conftest import ON_DEMAND, Chartline, until

SECRET = "webhook-secret-of-tests"
NAME = "<script>alert(1)</script>"
TOLD_SECONDS = 30.0  # on a busy machine; alone it takes a few


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with served(MailServer()) as server:
        yield server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with served(Receiver()) as server:
        yield server


@pytest.fixture
def listening(chartline: Chartline, mail: MailServer, receiver: Receiver) -> Iterator[None]:
    """Both servers are connections of Airflow, made as a person makes them."""
    made: list[dict[str, Any]] = [
        {
            "connection_id": "e2e_pager", "conn_type": "http", "password": SECRET,
            "host": f"http://127.0.0.1:{receiver.server_address[1]}/hook",
        },
        {
            "connection_id": "e2e_mail", "conn_type": "smtp", "host": "127.0.0.1", "port": mail.server_address[1],
            "extra": json.dumps({"disable_ssl": True, "disable_tls": True, "from_email": "chartline@example.org"}),
        },
    ]  # fmt: skip
    for connection in made:
        chartline.stack.airflow.api("POST", "connections", connection)
    yield
    for connection in made:
        chartline.stack.airflow.api("DELETE", f"connections/{connection['connection_id']}")


def heard(receiver: Receiver, event: str, subject: str) -> list[dict[str, Any]]:
    """The messages of an event about a subject that were signed as they must be."""
    found = []
    for headers, body in list(receiver.came):
        signed = f"sha256={signature(SECRET, headers['X-Chartline-Timestamp'], body)}"
        assert headers["X-Chartline-Signature"] == signed
        message = json.loads(body)
        if (message["event"], message["alert"]["subject"]) == (event, subject):
            found.append(message)
    return found


@pytest.mark.usefixtures("listening")
def test_a_failed_run_is_told_and_told_when_it_is_solved(
    chartline: Chartline, mail: MailServer, receiver: Receiver
) -> None:
    chartline.change("insert into chartline.platform (code, name) values ('p', 'P') on conflict do nothing")
    chartline.change(
        "insert into chartline.chart (slug, name, platform, frequency) values ('nowhere', %s, 'p', 'daily')", NAME
    )
    receiver.status = 503  # down for a while
    run_id = chartline.trigger(ON_DEMAND, chart="nowhere", steps=[])
    subject = f"{ON_DEMAND}/{run_id}"
    assert chartline.end_of(ON_DEMAND, run_id) == "failed"
    began = time.monotonic()

    def of_run() -> list[Any]:
        return [one for one in list(mail.mails) if run_id in html_of(one)]

    until("the mail", of_run, TOLD_SECONDS)
    print(f"A failed run was told by mail {time.monotonic() - began:.1f} s after its end")
    html = html_of(of_run()[0])
    assert NAME not in html
    assert "&lt;script&gt;" in html
    assert "What to do" in html
    assert f"/dags/{ON_DEMAND}/runs/{run_id}" in html

    until("the receiver's being asked", lambda: heard(receiver, "opened", subject), TOLD_SECONDS)
    receiver.status = 200
    chartline.change("update chartline.alert_outbox set due_at = now()")
    chartline.succeed_plainly("chartline.alerts")
    assert len(heard(receiver, "opened", subject)) == 2
    assert chartline.query(
        "select status from chartline.alert_delivery d join chartline.alert a on a.id = d.alert_id "
        "where a.subject = %s and channel = 'e2e_pager' order by d.id",
        subject,
    ) == [(503,), (200,)]

    chartline.succeed_plainly("chartline.alerts")  # nothing has changed: nothing is told
    assert len(heard(receiver, "opened", subject)) == 2
    assert len(of_run()) == 1

    chartline.change("update chartline.chart_sync_execution set status = 'complete' where run_id = %s", run_id)
    chartline.succeed_plainly("chartline.alerts")
    assert len(heard(receiver, "solved", subject)) == 1
    assert len(of_run()) == 2
    assert "Solved" in html_of(of_run()[1])
    (alert,) = [
        one
        for one in chartline.stack.airflow.api("GET", "/chartline/api/alerts/")["items"]
        if one["subject"] == subject
    ]
    assert alert["state"] == "solved"


@pytest.mark.usefixtures("listening")
def test_a_test_reaches_both(chartline: Chartline, mail: MailServer, receiver: Receiver) -> None:
    outcomes = chartline.stack.airflow.api("POST", "/chartline/api/alerts/test/", {})
    assert [(one["channel"], one["ok"], one["status"]) for one in outcomes] == [
        ("e2e_pager", True, 204),
        ("mail", True, None),
    ]
    assert len(heard(receiver, "test", "")) == 1
    assert any("A test of Chartline" in html_of(one) for one in mail.mails)


def test_the_connection_form_and_its_test(chartline: Chartline) -> None:
    given = {
        "connection_id": "tried", "conn_type": "soundcharts", "host": chartline.stack.simulator_url,
        "login": "e2e-app", "password": chartline.api_key, "extra": json.dumps({"auth": "keys"}),
    }  # fmt: skip
    good = chartline.stack.airflow.api("POST", "connections/test", given)
    assert (good["status"], "accepts the credentials" in good["message"]) == (True, True)
    bad = chartline.stack.airflow.api("POST", "connections/test", given | {"password": "not-the-key-1"})
    assert (bad["status"], "refused" in bad["message"]) == (False, True)
    forms = chartline.stack.airflow.api("GET", "/ui/connections/hook_meta")
    (form,) = [one for one in forms if one["connection_type"] == "soundcharts"]
    assert form["standard_fields"]["login"]["title"] == "App id or client id"
    assert {"auth", "team_id", "calls_per_minute", "connections"} <= set(form["extra_fields"])


def test_the_doctor_finds_no_problem(chartline: Chartline) -> None:
    lines = {line["check"]: line for line in json.loads(chartline.stack.chartline("doctor", "--json"))}
    assert {name for name, line in lines.items() if line["state"] == "problem"} == set()
    assert (lines["airflow"]["state"], lines["pools"]["state"]) == ("ok", "ok")
