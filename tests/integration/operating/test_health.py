"""Whether Chartline is well, and its numbers for Prometheus."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chartline.errors import CredentialsRefused, NetworkTrouble, SchemaMismatch, WarehouseUnavailable
from chartline.operating import health, metrics
from chartline.operating.conditions.account import Reached
from chartline.operating.health import Check, Health
from chartline.settings import settings
from chartline.soundcharts.account import ApiAccount
from chartline.soundcharts.client import SoundchartsClient
from chartline.soundcharts.limiter import NoLimiter


def reached(error: Any = None) -> Any:
    return lambda conn: Reached(datetime.now(UTC), 12, error)


def look(story: Any, reach: Any = None, connect: Any = None) -> Health:
    return health.check_all(connect or (lambda: story.conn), reach or reached(), settings(), story.now)


def check(found: Health, name: str) -> Check:
    return next(check for check in found.checks if check.name == name)


def test_a_warehouse_where_all_is_well(story: Any) -> None:
    story.follow("day")
    story.rank("day", story.ago(1), [1])
    story.run("day")
    story.call(story.now, left=1_000_000)
    found = look(story)
    assert {check.name: check.status for check in found.checks} == dict.fromkeys(
        (
            "warehouse", "schema", "api", "credentials", "quarantined", "overdue", "failing", "last_success", "quota",
            "answers", "data",
        ),
        "ok",
    )  # fmt: skip
    assert found.status == "ok"
    assert not [check.name for check in found.checks if check.advice]


def test_each_trouble_is_told_with_what_to_do(story: Any) -> None:
    story.follow("day")
    story.follow("week", sync_frequency="never")
    for hours in (3, 2, 1):
        story.run("day", "failed", error="Failed: fetch_ranking.", started_at=story.now - timedelta(hours=hours))
    story.call(story.now - timedelta(days=1), times=50)
    story.call(story.now, left=0)  # in the last minutes of a month three would do
    found = look(story)
    assert found.status == "error"
    for name in ("quarantined", "overdue", "failing", "last_success", "quota"):
        assert check(found, name).status in ("warning", "error"), name
        assert check(found, name).advice, name
    assert [one.chart for one in check(found, "quarantined").subjects] == ["week"]
    assert [one.chart for one in check(found, "overdue").subjects] == ["day"]
    assert check(found, "failing").subjects[0].detail == "3 runs failed in a row: Failed: fetch_ranking."


def test_one_failure_is_no_failing_chart_and_a_success_ends_it(story: Any) -> None:
    story.follow("day")
    story.run("day", "failed", started_at=story.now - timedelta(hours=3))
    story.run("day", "failed", started_at=story.now - timedelta(hours=2))
    assert check(look(story), "failing").count == 1
    story.run("day", "partial")
    assert check(look(story), "failing").status == "ok"
    story.run("day", "lost", started_at=story.now)
    assert check(look(story), "failing").status == "ok"


def test_no_success_for_longer_than_any_schedule_allows(story: Any) -> None:
    story.follow("day")
    story.run("day", started_at=story.now - timedelta(days=3))
    assert check(look(story), "last_success").status == "error"
    story.conn.execute("delete from chart_sync_schedule")
    assert check(look(story), "last_success").status == "ok"


@pytest.mark.parametrize(
    ("error", "api", "credentials"),
    [
        (CredentialsRefused("Refused.", advice="Check them."), "ok", "error"),
        (NetworkTrouble("No answer."), "error", "unknown"),
    ],
)
def test_what_the_api_says(story: Any, error: Any, api: str, credentials: str) -> None:
    found = look(story, reached(error))
    assert (check(found, "api").status, check(found, "credentials").status) == (api, credentials)
    assert (check(found, "api").advice or check(found, "credentials").advice) != ""


def test_without_an_account_it_says_where_to_set_it(story: Any) -> None:
    found = health.check_all(lambda: story.conn, None, settings(), story.now)
    assert check(found, "credentials").status == "error"
    assert "AIRFLOW_CONN_SOUNDCHARTS" in check(found, "credentials").advice


@pytest.mark.parametrize(
    ("error", "warehouse", "schema"),
    [
        (WarehouseUnavailable("It does not answer.", advice="Start it."), "error", "unknown"),
        (SchemaMismatch("It is old.", advice="Run: chartline migrate"), "ok", "error"),
    ],
)
def test_without_a_warehouse_the_rest_is_unknown(story: Any, error: Any, warehouse: str, schema: str) -> None:
    def connect() -> Any:
        raise error

    found = look(story, connect=connect)
    assert (check(found, "warehouse").status, check(found, "schema").status) == (warehouse, schema)
    assert check(found, "overdue").status == "unknown"
    assert check(found, "credentials").status == "ok"
    assert found.status == "error"


def test_the_api_is_asked_once_a_minute_and_the_call_recorded(story: Any) -> None:
    asked = []

    def client() -> SoundchartsClient:
        asked.append(1)
        account = ApiAccount("http://127.0.0.1:9", "app", "key")
        own = settings().model_copy(update={"call_retries": 0, "connect_timeout": 0.2})
        return SoundchartsClient(account, limiter=NoLimiter(), settings=own)

    probe = health.ApiProbe()
    first = probe.ask(client, story.conn)
    assert isinstance(first.error, NetworkTrouble)
    assert probe.ask(client, story.conn) is first
    assert len(asked) == 1
    assert story.conn.execute("select endpoint, status from api_call").fetchall() == [("team_usage", None)]
    probe.forget()
    probe.ask(client, None)
    assert len(asked) == 2


def test_while_one_asks_the_api_the_others_have_what_it_said_before(story: Any) -> None:
    probe, asked, answer = health.ApiProbe(seconds=0), threading.Event(), threading.Event()

    def unset() -> SoundchartsClient:
        raise NetworkTrouble("No answer.")

    def slow() -> SoundchartsClient:
        asked.set()
        assert answer.wait(30)
        raise NetworkTrouble("No answer either.")

    before = probe.ask(unset, None)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(probe.ask, slow, None)
        assert asked.wait(30)
        assert probe.ask(unset, None) is before
        answer.set()
        assert str(asking.result(30).error) == "No answer either."


def test_as_many_queries_whatever_is_followed(story: Any, queries: Any) -> None:
    before = queries(lambda: look(story))
    story.follow("day")
    story.follow("week")
    assert queries(lambda: look(story)) == before <= 12


# -- metrics


def test_numbers_for_prometheus(story: Any) -> None:
    story.follow("day")
    story.rank("day", story.ago(3), [1])
    story.run("day")
    story.run("day", "failed", started_at=story.now)
    story.call(story.now, left=1234, status=503)
    lines = metrics.text(story.conn, settings(), story.now).splitlines()
    for line in (
        "chartline_up 1",
        'chartline_schedules{state="overdue"} 1',
        'chartline_schedules{state="active"} 0',
        'chartline_executions{status="failed"} 1',
        "chartline_quota_left 1234",
        'chartline_api_calls_today{resource="track_metadata"} 1',
        'chartline_api_calls_failed_today{resource="track_metadata"} 1',
        'chartline_chart_ranking_age_days{chart="day"} 3',
        'chartline_chart_failures{chart="day"} 1',
    ):
        assert line in lines, line


def test_the_text_format_is_kept_to() -> None:
    odd = metrics.Metric("m", "gauge", "Back\\slash,\nline.").add(1.5, chart='a"b\\c\nd').add(float("nan"))
    none = metrics.Metric("empty", "gauge", "Nothing.").add(None)
    assert metrics.render([odd, none]) == (
        '# HELP m Back\\\\slash,\\nline.\n# TYPE m gauge\nm{chart="a\\"b\\\\c\\nd"} 1.5\nm NaN\n'
    )
