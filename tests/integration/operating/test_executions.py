"""Runs as people look at them, and what a retry asks for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from chartline.cascade.audience import RefreshAsk
from chartline.domain import dag_ids
from chartline.domain.asks import CascadeAsk
from chartline.operating import executions
from chartline.operating.executions import NothingToRetry, Retry
from chartline.settings import settings
from chartline.warehouse import usage
from chartline.warehouse.executions import open_execution
from chartline.warehouse.reads import executions as executions_read
from chartline.warehouse.reads import failing
from chartline.warehouse.reads.executions import ExecutionFilter

from .conftest import uid


def ids(story: Any, **wanted: Any) -> list[int]:
    return [line.id for line in executions.find(story.conn, ExecutionFilter(**wanted), story.now)[0]]


def retry(story: Any, execution: int, *, followed: bool = True) -> Retry:
    row = executions_read.get(story.conn, execution)
    assert row is not None
    asked = executions.retry(story.conn, row, followed=followed)
    if asked.dag_id == "chartline.chart_cascade":
        CascadeAsk.from_config(asked.config)
    if asked.dag_id == "chartline.audience_refresh":
        RefreshAsk.from_config(asked.config)
    return asked


def test_the_newest_come_first_and_can_be_narrowed(story: Any) -> None:
    old = story.run("day", "failed", started_at=story.now - timedelta(days=2), trigger="manual")
    new = story.run("week", "complete")
    assert ids(story) == [new, old]
    assert ids(story, chart="day") == ids(story, statuses=["failed", "lost"]) == ids(story, trigger="manual") == [old]
    assert ids(story, since=story.now - timedelta(days=1)) == ids(story, text="WEE") == [new]
    assert ids(story, until=story.now - timedelta(days=1)) == [old]
    assert ids(story, dag_id="chartline.chart_sync.week") == [new]
    assert ids(story, text="%") == []
    found, total = executions.find(story.conn, ExecutionFilter(), story.now, limit=1, offset=1)
    assert ([line.id for line in found], total) == ([old], 2)
    found, _ = executions.find(story.conn, ExecutionFilter(), story.now, oldest_first=True)
    assert found[0].id == old


def test_a_run_with_what_failed_and_what_it_spent(story: Any) -> None:
    ranking = story.rank("day", story.ago(1), [1, 2])
    execution = story.run("day", "partial", rankings=[ranking], failures=Jsonb({"server_trouble": 1, "not_found": 1}))
    story.fail(execution, "track_metadata", uid(1))
    story.fail(execution, "track_audience", uid(2), "spotify", "not_found")
    story.call(story.now - timedelta(minutes=58), "song", execution=execution, times=3)
    story.call(story.now - timedelta(minutes=58), "song_audience", execution=execution, status=404)
    found = executions.detail(story.conn, execution, settings(), story.now)
    assert found is not None
    assert (found.failed, found.not_there, found.seconds, found.progress.percent) == (2, 1, 300, 100)
    assert [(item.name, item.kind, item.open) for item in found.failed_items.items] == [
        ("Track 2", "not_found", False),
        ("Track 1", "server_trouble", True),
    ]
    assert [(of.endpoint, of.resource, of.calls, of.failed) for of in found.calls_by_endpoint] == [
        ("song", "track_metadata", 3, 0),
        ("song_audience", "track_audience", 1, 1),
    ]
    assert found.retryable
    narrowed = executions.detail(story.conn, execution, settings(), story.now, kind="not_found", limit=1)
    assert narrowed is not None
    assert narrowed.failed_items.total == 1


def test_an_unknown_id_is_none(story: Any) -> None:
    assert executions.detail(story.conn, 404, settings(), story.now) is None


def test_a_retry_asks_only_for_steps_and_platforms_that_failed(story: Any) -> None:
    ranking = story.rank("day", story.ago(1), [1, 2])
    execution = story.run("day", "partial", rankings=[ranking])
    story.fail(execution, "track_audience", uid(1), "spotify")
    story.ledger("track_audience", uid(1), "spotify", outcome="failed", due_in=-1)
    story.fail(execution, "artist_metadata", uid(100))
    story.fail(execution, "track_airplay", uid(2), "airplay", "not_found")
    assert retry(story, execution) == Retry(
        "chartline.chart_cascade",
        {
            "chart": "day",
            "steps": ["artist_metadata", "track_audience"],
            "day": story.ago(1).isoformat(),
            "track_platforms": ["spotify"],
            "audience_days": 90,
        },
        2,
    )


def test_there_is_nothing_to_retry_where_all_has_come_or_is_not_there(story: Any) -> None:
    execution = story.run("day", "partial", rankings=[story.rank("day", story.ago(1), [1, 2])])
    story.fail(execution, "track_metadata", uid(1))
    story.ledger("track_metadata", uid(1))
    story.fail(execution, "track_metadata", uid(2), kind="not_found")
    with pytest.raises(NothingToRetry):
        retry(story, execution)
    found = executions.detail(story.conn, execution, settings(), story.now)
    assert found is not None
    assert not found.retryable
    assert not any(item.open for item in found.failed_items.items)


def test_the_past_is_asked_for_by_its_days(story: Any) -> None:
    days = [story.ago(number) for number in (5, 4, 3)]
    rankings = [story.rank("day", day, tracks) for day, tracks in zip(days[1:], ([1, 2], [2, 3]), strict=True)]
    story.credit(3, 100)
    asked = {"interval": [day.isoformat() for day in days], "current": False, "steps": ["track_metadata"]}
    execution = story.run("day", "partial", rankings=rankings, settings=asked, days_left=[days[0]])
    story.fail(execution, "track_metadata", uid(1))
    story.fail(execution, "artist_metadata", uid(100))
    story.fail(execution, "ranking", "day", days[0].isoformat())
    wanted = [day.isoformat() for day in days]
    assert retry(story, execution) == Retry("chartline.chart_sync.day", {"days": wanted}, 3)
    assert retry(story, execution, followed=False) == Retry(
        "chartline.chart_cascade", {"chart": "day", "steps": ["track_metadata"], "days": wanted}, 3
    )


def test_the_fewest_days_that_hold_what_failed(story: Any) -> None:
    rankings = [story.rank("day", story.ago(number), [1, 2]) for number in (4, 3)]
    asked = {"days": [story.ago(4).isoformat(), story.ago(3).isoformat()]}
    execution = story.run("day", "partial", rankings=rankings, settings=asked)
    story.fail(execution, "track_metadata", uid(1))
    assert retry(story, execution).config == {"days": [story.ago(3).isoformat()]}


@pytest.mark.parametrize("status", ["failed", "lost", "deferred"])
def test_a_run_that_did_not_end_well_is_asked_for_as_it_was(story: Any, status: str) -> None:
    execution = story.run("day", status, settings={"interval": [story.ago(1).isoformat()], "current": True})
    assert retry(story, execution) == Retry("chartline.chart_sync.day", {}, 0)
    by_hand = story.run("week", status, dag_id="chartline.chart_cascade", settings={"day": story.ago(9).isoformat()})
    asked = retry(story, by_hand)
    assert (asked.dag_id, asked.config["chart"], asked.config["day"]) == (
        "chartline.chart_cascade",
        "week",
        story.ago(9).isoformat(),
    )


def refreshed(story: Any, status: str, **asked: Any) -> int:
    """The refresh of the audience of track 1."""
    execution: int = story.run("", status, dag_id="chartline.audience_refresh")
    ask = RefreshAsk(tracks=(uid(1),), **asked).model_dump(mode="json") if asked else {}
    story.conn.execute("update chart_sync_execution set settings = %s", [Jsonb(ask)])
    return execution


def test_the_refresh_of_an_audience_is_asked_for_by_its_own_dag(story: Any) -> None:
    own = {"tracks": [uid(1)], "audience_days": 30}
    asked = {"platforms": ("spotify", "youtube"), "audience_days": 30}
    failed = refreshed(story, "failed", **asked)
    assert retry(story, failed) == Retry("chartline.audience_refresh", own | {"platforms": ["spotify", "youtube"]}, 0)
    forced = refreshed(story, "lost", audience_days=30, force=True)
    assert retry(story, forced).config == own | {"stale_only": False}
    partly = refreshed(story, "partial", **asked)
    with pytest.raises(NothingToRetry):
        retry(story, partly)
    story.fail(partly, "track_audience", uid(1), "youtube")
    assert retry(story, partly) == Retry("chartline.audience_refresh", own | {"platforms": ["youtube"]}, 1)


def test_a_refresh_that_was_refused_cannot_be_asked_for_again(story: Any) -> None:
    execution = refreshed(story, "failed")
    with pytest.raises(NothingToRetry):
        retry(story, execution)
    found = executions.detail(story.conn, execution, settings(), story.now)
    assert found is not None
    assert not found.retryable


def test_once_its_ranking_is_here_a_run_is_asked_for_by_that_day(story: Any) -> None:
    execution = story.run("day", "failed", rankings=[story.rank("day", story.ago(2), [1])])
    assert retry(story, execution).config == {"day": story.ago(2).isoformat()}


def test_as_many_queries_whatever_failed(story: Any, queries: Any) -> None:
    execution = story.run("day", "partial", rankings=[story.rank("day", story.ago(1), list(range(1, 30)))])
    for number in range(1, 30):
        story.fail(execution, "track_metadata", uid(number))
    assert queries(lambda: executions.detail(story.conn, execution, settings(), story.now)) <= 8
    assert queries(lambda: executions.find(story.conn, ExecutionFilter(), story.now)) == 2


def test_a_run_by_hand_is_one_whatever_its_id_looks_like(story: Any) -> None:
    """It is not of the past, it takes nothing from healing's usual pace, and no forecast counts it as regular."""
    run = open_execution(
        story.conn, dag_id=dag_ids.of_chart("day"), run_id="heal__mine", chart_slug="day", trigger="manual"
    )
    story.call(story.now, "ranking_at", execution=run.id)
    [line], _ = executions.find(story.conn, ExecutionFilter(text="heal__mine"), story.now)
    assert (line.kind, line.is_past) == ("manual", False)
    assert [pace.kind for pace in failing.paces(story.conn, [])] == ["manual"]
    sums = story.conn.execute(usage.SUMS, usage.between(story.now.date(), story.now.date())).fetchall()
    assert [regular for _, chart, _, regular, *_ in sums if chart == "day"] == [False]


def test_a_backfill_that_takes_up_an_old_run_makes_it_one_of_the_past(story: Any) -> None:
    asked: dict[str, Any] = {"dag_id": dag_ids.of_chart("day"), "run_id": "scheduled__2026-11-01", "chart_slug": "day"}
    first = open_execution(story.conn, **asked, trigger="scheduled")
    again = open_execution(story.conn, **asked, trigger="backfill")
    assert (first.id, first.kind, again.kind) == (again.id, "scheduled", "backfill")
    [line], _ = executions.find(story.conn, ExecutionFilter(text="scheduled__2026-11-01"), story.now)
    assert (line.trigger, line.is_past) == ("backfill", True)
