"""Each alert provoked in a real warehouse: told once, not again, told when it changes and when it is solved."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from chartline.alerts import message as alert_message
from chartline.alerts import rules, telling
from chartline.alerts.webhooks import Outcome
from chartline.domain import run_ids
from chartline.settings import Settings
from chartline.soundcharts.models import ChartLight
from chartline.warehouse import charts, partitions
from chartline.warehouse.connect import Connection, connect

NAME = 'Top <script>alert("x")</script>'
DAG = "chartline.chart_sync.day"


class Memory:
    """A channel that keeps what it was sent; `refuses` is what it answers instead of hearing."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str]] = []
        self.messages: list[Mapping[str, Any]] = []
        self.numbers: list[str] = []
        self.refuses: Outcome | None = None

    def send(self, message: Mapping[str, Any], number: str) -> Outcome:
        self.numbers.append(number)
        if self.refuses:
            return self.refuses
        self.heard.append((message["event"], message["alert"]["kind"], message["alert"]["subject"]))
        self.messages.append(message)
        return Outcome(True, 1, 204)


@pytest.fixture
def conn(warehouse_url: str) -> Iterator[Connection]:
    with connect(warehouse_url) as conn:
        conn.autocommit = True
        chart = ChartLight(slug="day", name=NAME, platform="spotify", frequency="daily", country_code="FR")
        with conn.transaction():
            charts.upsert_chart(conn, chart)
        today = datetime.now(UTC).date()
        partitions.ensure_months(conn, "api_call", {today, today - timedelta(days=8)})
        yield conn


@pytest.fixture
def channel() -> Memory:
    return Memory()


@pytest.fixture
def look(conn: Connection, channel: Memory) -> Callable[..., list[tuple[str, str, str]]]:
    """Looks and delivers as the DAG does; what was told by it."""

    def run(**settings: Any) -> list[tuple[str, str, str]]:
        before = len(channel.heard)
        telling.update(conn, Settings(**settings), channels=["memory"], base_url="https://airflow.example")
        telling.deliver(conn, {"memory": channel})
        return channel.heard[before:]

    return run


def ran(conn: Connection, run_id: str = "r1", status: str = "failed", **values: Any) -> int:
    """An execution of the chart's DAG that ended a minute ago."""
    now = datetime.now(UTC)
    row = {
        "dag_id": DAG, "run_id": run_id, "chart_slug": "day", "status": status, "trigger": "scheduled",
        "started_at": now - timedelta(minutes=2), "finished_at": None if status == "running" else now, **values,
    }  # fmt: skip
    row["kind"] = run_ids.kind(row["dag_id"], row["trigger"], row["run_id"])
    made = conn.execute(
        f"insert into chartline.chart_sync_execution ({', '.join(row)}) values ({', '.join(['%s'] * len(row))}) "
        "returning id",
        list(row.values()),
    ).fetchone()
    assert made
    return int(made[0])


def called(conn: Connection, *, at: datetime, status: int | None = 200, count: int = 1, **values: Any) -> None:
    for _ in range(count):
        row = {"at": at, "endpoint": "song", "status": status, "ms": 5, **values}
        conn.execute(
            f"insert into chartline.api_call ({', '.join(row)}) values ({', '.join(['%s'] * len(row))})",
            list(row.values()),
        )


def spent_lately(conn: Connection) -> None:
    """A week of so many calls that the last second of a month needs more than three."""
    conn.execute(
        """insert into chartline.api_usage (day, chart, endpoint, regular, calls, billed, failed, bytes)
           select (now() at time zone 'UTC')::date - n, 'day', 'song', true, 10000000, 10000000, 0, 0
           from generate_series(1, 7) as n"""
    )


def followed(conn: Connection, **values: Any) -> None:
    chart = conn.execute("select id from chartline.chart").fetchone()
    assert chart is not None
    row = {
        "chart_id": chart[0],
        "sync_frequency": "daily", "track_platforms": ["spotify"], "artist_platforms": ["spotify"],
        "created_at": datetime.now(UTC) - timedelta(days=5), **values,
    }  # fmt: skip
    conn.execute(
        f"insert into chartline.chart_sync_schedule ({', '.join(row)}) values ({', '.join(['%s'] * len(row))})",
        list(row.values()),
    )


def test_nothing_is_wrong(look: Any) -> None:
    assert look() == []


def test_a_failed_run_is_told_once_with_counts_and_reasons_and_when_it_is_solved(
    conn: Connection, channel: Memory, look: Any
) -> None:
    id = ran(conn, error="Too many items failed", failures=Jsonb({"server_trouble": 7}), calls=20)
    for number in range(7):
        conn.execute(
            "insert into chartline.execution_failure (execution_id, resource, entity, kind, reason) "
            "values (%s, 'track_metadata', %s, 'server_trouble', '503 <b>')",
            [id, f"track-{number}"],
        )
    assert look() == [("opened", "failed_run", f"{DAG}/r1")]
    told = channel.messages[0]
    assert told["alert"]["details"]["failures"] == {"server_trouble": 7}
    assert len(told["alert"]["details"]["reasons"]) == 5
    assert told["link"] == "https://airflow.example/dags/chartline.chart_sync.day/runs/r1"
    assert "What to do" in alert_message.as_text(told)
    assert "7 server_trouble of 20 calls" in alert_message.as_text(told)
    assert look() == []
    conn.execute("update chartline.chart_sync_execution set status = 'running', finished_at = null")
    assert look() == []  # cleared: it is not known yet
    conn.execute("update chartline.chart_sync_execution set status = 'complete', finished_at = now(), error = null")
    assert look() == [("solved", "failed_run", f"{DAG}/r1")]
    assert look() == []


def test_a_failure_that_changes_is_told_again(conn: Connection, look: Any) -> None:
    ran(conn, error="one reason")
    assert len(look()) == 1
    conn.execute("update chartline.chart_sync_execution set error = 'another'")
    assert look() == [("changed", "failed_run", f"{DAG}/r1")]


def test_each_failed_run_has_one_alert_and_a_better_run_solves_them(conn: Connection, look: Any) -> None:
    ran(conn, "r1", error="x")
    ran(conn, "r2", status="lost", error="x")
    assert {subject for _, _, subject in look()} == {f"{DAG}/r1", f"{DAG}/r2"}
    ran(conn, "deferred", status="deferred")
    assert look() == []  # what it left is still owed
    ran(conn, "r3", status="partial", started_at=datetime.now(UTC))
    assert {event for event, _, _ in look()} == {"solved"}


def test_what_failed_long_ago_is_no_news_but_what_is_told_stays_open(conn: Connection, look: Any) -> None:
    past = datetime.now(UTC) - timedelta(days=9)
    ran(conn, "old", started_at=past, finished_at=past)
    assert look() == []
    ran(conn, "new")
    assert len(look()) == 1
    conn.execute("update chartline.chart_sync_execution set finished_at = %s", [past])
    assert look() == []


def test_a_run_that_never_reported_is_told_by_its_dag_and_not_taken_back(
    conn: Connection, channel: Memory, look: Any
) -> None:
    ran(conn, status="running")
    made = telling.run_failed(conn, Settings(), DAG, "r1", "Airflow says: task_failure", channels=["memory"])
    assert [event.event for event in made] == ["opened"]
    telling.deliver(conn, {"memory": channel})
    assert rules.NO_REPORT in alert_message.as_text(channel.messages[0])
    assert telling.run_failed(conn, Settings(), DAG, "r1", "again", channels=["memory"]) == []
    assert look() == []
    conn.execute("update chartline.chart_sync_execution set status = 'lost', error = 'later', finished_at = now()")
    assert look() == []  # the gap audit closed it: nothing new
    ran(conn, "r2", status="complete", started_at=datetime.now(UTC))
    assert look() == [("solved", "failed_run", f"{DAG}/r1")]


def test_a_run_without_execution_is_told_once_for_its_dag_until_one_succeeds(conn: Connection, look: Any) -> None:
    for run in ("one", "two"):
        telling.run_failed(conn, Settings(), "housekeeping", run, "Airflow says: x", channels=["memory"])
    assert look() == [("opened", "failed_run", "housekeeping")]
    assert look() == []
    telling.run_succeeded(conn, "chartline.gap_audit", channels=["memory"])
    assert look() == []
    telling.run_succeeded(conn, "housekeeping", channels=["memory"])
    assert look() == [("solved", "failed_run", "housekeeping")]


def test_a_chart_whose_first_task_failed_is_solved_by_its_next_good_run(conn: Connection, look: Any) -> None:
    telling.run_failed(conn, Settings(), DAG, "r1", "Airflow says: x", channels=["memory"])
    assert look() == [("opened", "failed_run", DAG)]
    ran(conn, "r2", status="complete", started_at=datetime.now(UTC))
    assert look() == [("solved", "failed_run", DAG)]


def test_refused_credentials_are_told_once_not_with_each_run(conn: Connection, channel: Memory, look: Any) -> None:
    for number in range(3):
        ran(conn, f"r{number}", error="credentials_refused: 401. Check login and password.")
    assert look() == [("opened", "credentials", "")]
    assert channel.messages[0]["alert"]["details"]["runs"] == 3
    assert look() == []
    conn.execute("update chartline.chart_sync_execution set finished_at = now() - interval '3 days'")
    assert ("solved", "credentials", "") not in look()  # no call has gone well since
    called(conn, at=datetime.now(UTC))
    assert ("solved", "credentials", "") in look()


def refusal(asked: str, said: str = "Invalid key", login: str = "login and password") -> str:
    """As the client words it."""
    return (
        f"credentials_refused: Soundcharts refused the credentials of the connection soundcharts: {asked}, status 401 "
        f'("{said}"). Correct {login} of the connection soundcharts.'
    )


def test_a_refusal_is_told_again_for_another_reason_not_for_another_run(
    conn: Connection, channel: Memory, look: Any
) -> None:
    ran(conn, "r1", error=refusal("song 11: spotify"))
    assert look() == [("opened", "credentials", "")]
    ran(conn, "r2", error=refusal("the ranking of day at 2026-11-19T12:00:00"))
    assert look() == []
    ran(conn, "r3", error=refusal("a token", "invalid_client", "login, password and team_id"))
    assert look() == [("changed", "credentials", "")]
    assert "invalid_client" in alert_message.as_text(channel.messages[-1])


def test_runs_that_a_spent_quota_ends_are_told_once_and_not_when_it_is_renewed(
    conn: Connection, channel: Memory, look: Any
) -> None:
    called(conn, at=datetime.now(UTC) - timedelta(minutes=5), quota_left=70)
    called(conn, at=datetime.now(UTC), status=429, error_kind="quota_spent", quota_left=70)  # its header said no 0
    for number in range(3):
        ran(conn, f"r{number}", error="quota_spent: the quota of the billing cycle is used up")
    told = telling.run_failed(conn, Settings(), DAG, "r2", "Airflow says: x", channels=["memory"])
    assert [(one.event, one.alert.kind) for one in told] == [("opened", "quota")]
    assert look() == [("opened", "quota", "")]
    text = alert_message.as_text(channel.messages[0])
    assert "Left: 0 calls" in text
    assert "Runs that it stopped in the last 2 days: 3" in text
    assert look() == []
    called(conn, at=datetime.now(UTC), quota_left=1_000_000)
    assert look() == [("solved", "quota", "")]
    assert look() == []


def test_a_quota_that_is_spent_before_any_answer_told_it(conn: Connection, look: Any) -> None:
    called(conn, at=datetime.now(UTC) - timedelta(minutes=1), status=429, error_kind="quota_spent")
    ran(conn, error="quota_spent: x")
    assert look() == [("opened", "quota", "")]
    called(conn, at=datetime.now(UTC), endpoint="team_usage")
    assert look() == []  # that call is free
    called(conn, at=datetime.now(UTC))
    assert look() == []  # it is not known what is left, nor that nothing is


def test_a_schedule_that_cannot_be_used(conn: Connection, channel: Memory, look: Any) -> None:
    followed(conn, sync_frequency="fortnightly")
    assert look() == [("opened", "quarantine", "day")]
    assert "sync_frequency" in alert_message.as_text(channel.messages[0])
    assert telling.run_failed(conn, Settings(), DAG, "r1", "the daily failure", channels=["memory"]) == []
    conn.execute("update chartline.chart_sync_schedule set sync_frequency = 'monthly', created_at = now()")
    assert look() == [("solved", "quarantine", "day")]


def test_an_overdue_schedule(conn: Connection, channel: Memory, look: Any) -> None:
    followed(conn)
    assert look() == [("opened", "overdue", "day")]
    text = alert_message.as_text(channel.messages[0])
    assert "no run has started since" in text
    assert look() == []
    conn.execute("update chartline.chart_sync_schedule set is_active = false")
    assert look() == [("solved", "overdue", "day")]


def test_a_quota_that_will_not_last(conn: Connection, channel: Memory, look: Any) -> None:
    spent_lately(conn)
    called(conn, at=datetime.now(UTC), quota_left=1_000_000_000)
    assert look() == []
    called(conn, at=datetime.now(UTC), quota_left=3)
    assert look() == [("opened", "quota", "")]
    assert "Left: 3 calls" in alert_message.as_text(channel.messages[0])
    called(conn, at=datetime.now(UTC), quota_left=2)
    assert look() == []
    called(conn, at=datetime.now(UTC), status=429, quota_left=0)
    assert look() == [("changed", "quota", "")]
    called(conn, at=datetime.now(UTC), quota_left=1_000_000_000)
    assert look() == [("solved", "quota", "")]


def test_a_run_much_slower_than_the_last_of_its_kind(conn: Connection, channel: Memory, look: Any) -> None:
    now = datetime.now(UTC)
    for back in range(2, 8):
        at = now - timedelta(days=back)
        ran(conn, f"d{back}", "complete", started_at=at, finished_at=at + timedelta(minutes=2), calls=50)
    # Windows of the past are another kind, however long they take.
    at = now - timedelta(hours=3)
    window = "scheduled__2026-01-01_to_2026-01-31_1"
    ran(conn, window, "complete", started_at=at, finished_at=now, calls=50)
    assert look() == []
    slow = ran(conn, "slow", "running", started_at=now - timedelta(minutes=30))
    assert look() == [("opened", "slow_run", "day scheduled")]
    assert "It has taken 30 min for 0 calls; the last 6 of its kind took 2 min for 50" in alert_message.as_text(
        channel.messages[0]
    )
    conn.execute(
        "update chartline.chart_sync_execution set status = 'complete', finished_at = now() where id = %s", [slow]
    )
    assert look() == []
    conn.execute(
        "update chartline.chart_sync_execution set started_at = started_at - interval '2 hours', "
        "finished_at = finished_at - interval '2 hours' where id = %s",
        [slow],
    )
    assert look() == []  # still the latest of its kind
    ran(conn, "next", "running", started_at=datetime.now(UTC))
    assert look() == []
    conn.execute(
        "update chartline.chart_sync_execution set status = 'complete', calls = 50, finished_at = now() "
        "where run_id = 'next'"
    )
    assert look() == [("solved", "slow_run", "day scheduled")]


def test_a_run_with_many_more_calls_may_take_longer(conn: Connection, look: Any) -> None:
    now = datetime.now(UTC)
    for back in range(2, 8):
        at = now - timedelta(days=back)
        ran(conn, f"d{back}", "complete", started_at=at, finished_at=at + timedelta(minutes=2), calls=50)
    ran(conn, "metadata", "complete", started_at=now - timedelta(minutes=30), calls=1000)
    assert look() == []


# -- telling it --------------------------------------------------------------------------------------------


def waits_over(conn: Connection) -> None:
    conn.execute("update chartline.alert_outbox set due_at = now()")


def test_a_channel_that_is_away_is_tried_again_with_growing_waits_and_in_order(
    conn: Connection, channel: Memory, look: Any
) -> None:
    channel.refuses = Outcome(False, 3, None, "No answer: ConnectionError.", away=True)
    ran(conn)
    assert look() == []
    waits = []
    for _ in range(2):
        waits.append(telling.deliver(conn, {"memory": channel}).next_due)
        assert look() == []  # not due yet
        waits_over(conn)
        telling.deliver(conn, {"memory": channel})
    waits.append(telling.deliver(conn, {"memory": channel}).next_due)
    assert [round(wait) for wait in waits if wait] == pytest.approx(telling.WAITS[:3], abs=2)
    conn.execute("update chartline.chart_sync_execution set status = 'complete'")
    look()
    channel.refuses = None
    waits_over(conn)
    done = telling.deliver(conn, {"memory": channel})
    assert (done.told, done.next_due) == (2, None)
    assert [event for event, _, _ in channel.heard] == ["opened", "solved"]
    assert len(set(channel.numbers)) == 2  # one number a message, whatever it took
    tries = conn.execute("select event, attempt, status, error from chartline.alert_delivery order by id").fetchall()
    assert tries == [
        *[("opened", number, None, "No answer: ConnectionError.") for number in (1, 2, 3)],
        ("opened", 4, 204, None),
        ("solved", 1, 204, None),
    ]


def test_it_is_given_up_at_last(conn: Connection, channel: Memory, look: Any) -> None:
    channel.refuses = Outcome(False, 1, 400, "The receiver answered 400.")
    ran(conn)
    look()
    for _ in telling.WAITS:
        waits_over(conn)
        done = telling.deliver(conn, {"memory": channel})
    assert (done.given_up, done.next_due) == (1, None)
    waits_over(conn)
    assert len(channel.numbers) == len(telling.WAITS) + 1


def test_one_message_that_is_refused_does_not_hold_up_the_others(conn: Connection, channel: Memory, look: Any) -> None:
    class Picky(Memory):
        def send(self, message: Mapping[str, Any], number: str) -> Outcome:
            if message["alert"]["subject"].endswith("r1"):
                return Outcome(False, 1, 413, "The receiver answered 413.")
            return super().send(message, number)

    ran(conn, "r1")
    ran(conn, "r2")
    telling.update(conn, Settings(), channels=["memory"])
    done = telling.deliver(conn, {"memory": Picky()})
    assert (done.told, done.failed) == (1, 1)


def test_where_nobody_is_there_only_one_is_tried(conn: Connection, channel: Memory, look: Any) -> None:
    channel.refuses = Outcome(False, 1, 503, "The receiver answered 503.", away=True)
    for number in range(5):
        ran(conn, f"r{number}")
    look()
    assert len(channel.numbers) == 1


def test_each_channel_is_told_and_one_that_is_gone_is_forgotten(conn: Connection, channel: Memory) -> None:
    ran(conn)
    telling.update(conn, Settings(), channels=["memory", "gone"])
    assert telling.deliver(conn, {"memory": channel}).given_up == 1
    assert len(channel.heard) == 1
    assert conn.execute("select channel, error from chartline.alert_delivery where error is not null").fetchall() == [
        ("gone", "The channel is not configured any more.")
    ]


def test_what_another_process_put_out_meanwhile_on_a_channel_of_its_own_is_left_to_it(
    conn: Connection, channel: Memory, warehouse_url: str
) -> None:
    class Meanwhile(Memory):
        def send(self, message: Mapping[str, Any], number: str) -> Outcome:
            telling.run_failed(other, Settings(), "housekeeping", "r1", "x", channels=["theirs"])
            return super().send(message, number)

    ran(conn)
    telling.update(conn, Settings(), channels=["memory"])
    with connect(warehouse_url) as other:
        other.autocommit = True
        own = Meanwhile()
        assert telling.deliver(conn, {"memory": own}).told == 1
    assert conn.execute("select channel from chartline.alert_outbox").fetchall() == [("theirs",)]


def test_a_name_that_is_a_script_is_text(conn: Connection, channel: Memory, look: Any) -> None:
    ran(conn, error="<img src=x onerror=alert(1)>")
    look()
    html = alert_message.as_html(channel.messages[0])
    assert "&lt;script&gt;" in html
    assert "<script" not in html
    assert "<img" not in html
    assert "\n" not in alert_message.headline(channel.messages[0])
    assert json.loads(json.dumps(channel.messages[0]))


def test_queries_are_bounded_whatever_the_number_of_charts(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def count() -> int:
        asked = 0
        original = psycopg.Cursor.execute

        def counting(self: Any, *args: Any, **more: Any) -> Any:
            nonlocal asked
            asked += 1
            return original(self, *args, **more)

        with monkeypatch.context() as patch:
            patch.setattr(psycopg.Cursor, "execute", counting)
            telling.update(conn, Settings(), channels=[])
        return asked

    followed(conn, created_at=datetime.now(UTC))
    before = count()
    conn.execute(
        "insert into chartline.chart (slug, name, platform, frequency) "
        "select 'c' || n, 'c', 'spotify', 'daily' from generate_series(1, 200) n"
    )
    conn.execute(
        "insert into chartline.chart_sync_schedule (chart_id, sync_frequency, track_platforms, artist_platforms) "
        "select id, 'daily', '{spotify}', '{spotify}' from chartline.chart where slug like 'c%'"
    )
    assert count() == before


def test_a_field_that_is_gone_is_told_once_for_its_endpoint_and_when_it_is_back(
    conn: Connection, channel: Memory, look: Any
) -> None:
    conn.execute(
        """insert into answer_field
               (endpoint, path, parent, objects, came, recent, always, gone_since, first_seen_at, last_seen_at)
           select 'song', 'object.' || name, 'object', 900, 500, 0.1, true, now() - interval '1 hour', '2026-01-01',
                  now()
           from unnest(array['isrc', 'audio']) as name"""
    )
    assert look() == [("opened", "field_gone", "song")]
    told = channel.messages[-1]["alert"]
    assert told["title"] == "Soundcharts leaves out what it always gave: object.audio, object.isrc"
    assert told["details"]["fields"] == ["object.audio", "object.isrc"]
    assert look() == []
    conn.execute("update answer_field set gone_since = null where path = 'object.isrc'")
    assert look() == [("changed", "field_gone", "song")]
    conn.execute("update answer_field set gone_since = now() - interval '40 days' where path = 'object.audio'")
    assert look() == [("solved", "field_gone", "song")], "after a month it is how the API is"
