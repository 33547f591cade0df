"""Followed charts as people look at them: their state, their order, and as many queries for many as for few."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from chartline.errors import BadInput, NotFollowed, UnknownChart
from chartline.operating import schedules as views
from chartline.operating.conditions import followed
from chartline.schedules import service
from chartline.settings import Settings
from chartline.soundcharts.models import ChartLight
from chartline.warehouse import changes, charts
from chartline.warehouse import changes as warehouse_changes
from chartline.warehouse.connect import Connection, connect
from chartline.warehouse.reads import executions
from chartline.warehouse.reads.charts import ChartFilter

FOLLOWED = ChartFilter(followed=True)
OWN = Settings()


@pytest.fixture
def conn(warehouse_url: str) -> Iterator[Connection]:
    with connect(warehouse_url) as conn:
        conn.autocommit = True
        yield conn


def follow(conn: Connection, *slugs: str, **settings: Any) -> None:
    for slug in slugs:
        chart = ChartLight(slug=slug, name=slug.title(), platform="spotify", frequency="daily", country_code="FR")
        with conn.transaction():
            charts.upsert_chart(conn, chart)
        service.add(conn, slug, settings)


def find(conn: Connection, now: datetime, **more: Any) -> dict[str, views.ScheduleLine]:
    return {one.slug: one for one in views.find(conn, FOLLOWED, OWN, now, **more)[0]}


def test_a_chart_without_its_ranking_is_overdue_in_time(conn: Connection) -> None:
    follow(conn, "late")
    follow(conn, "off", is_active=False)
    now = datetime.now(UTC)
    assert find(conn, now)["late"].state == "active"
    later = find(conn, now + timedelta(days=3))
    assert (later["late"].state, later["off"].state) == ("overdue", "paused")
    assert "no run has started" in later["late"].reason
    assert later["off"].next_sync is None
    assert views.totals(followed.judge(conn, OWN, now + timedelta(days=3))) == {
        "all": 2,
        "active": 0,
        "overdue": 1,
        "paused": 1,
        "quarantined": 0,
    }
    assert set(find(conn, now + timedelta(days=3), state="overdue")) == {"late"}


def test_a_sort_that_is_worked_out_pages_as_a_stored_one(conn: Connection) -> None:
    follow(conn, "b", "a", "c")
    service.change(conn, "c", {"is_active": False})
    now = datetime.now(UTC)
    for sort in ("state", "-state", "next_sync", "slug", "-slug"):
        whole = [one.slug for one in views.find(conn, FOLLOWED, OWN, now, sort=sort)[0]]
        parts = [views.find(conn, FOLLOWED, OWN, now, sort=sort, limit=1, offset=n)[0][0].slug for n in range(3)]
        assert parts == whole, sort
    assert views.find(conn, FOLLOWED, OWN, now, sort="-state")[0][0].slug == "c"
    with pytest.raises(BadInput, match="sort"):
        views.find(conn, FOLLOWED, OWN, now, sort="luck")


@pytest.mark.parametrize("sort", ["name", "completeness"])
def test_a_list_takes_as_many_queries_for_many_as_for_few(
    conn: Connection, sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def queries(ask: Callable[[], Any]) -> int:
        asked = 0
        plain = psycopg.Cursor.execute

        def counting(self: Any, *args: Any, **more: Any) -> Any:
            nonlocal asked
            asked += 1
            return plain(self, *args, **more)

        with monkeypatch.context() as patch:
            patch.setattr(psycopg.Cursor, "execute", counting)
            ask()
        return asked

    def ask() -> None:
        views.find(conn, FOLLOWED, OWN, datetime.now(UTC), sort=sort)
        views.totals(followed.judge(conn, OWN, datetime.now(UTC)))

    follow(conn, "one")
    few = queries(ask)
    follow(conn, *(f"more-{n}" for n in range(30)))
    assert queries(ask) == few
    assert few <= 12


def test_a_chart_is_known_by_slug_before_id(conn: Connection) -> None:
    follow(conn, "first")
    row = conn.execute("select id from chart").fetchone()
    assert row is not None
    assert views.slug_of(conn, str(row[0])) == "first"
    follow(conn, str(row[0]))  # a slug of digits that are another's id
    assert views.slug_of(conn, str(row[0])) == str(row[0])
    with pytest.raises(UnknownChart):
        views.slug_of(conn, "nowhere")


def test_a_chart_that_nobody_follows_has_no_detail(conn: Connection) -> None:
    follow(conn, "day")
    service.remove(conn, "day")
    with pytest.raises(NotFollowed):
        views.detail(conn, "day", OWN, datetime.now(UTC))


def test_what_did_not_change_is_not_kept(conn: Connection) -> None:
    warehouse_changes.note(conn, "ada", "thing.change", "x", {"a": 1, "b": (1, 2)}, {"a": 1, "b": [1, 2]})
    assert changes.listed(conn) == ([], 0)
    warehouse_changes.note(conn, "ada", "thing.change", "x", {"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4})
    (kept,), _ = changes.listed(conn)
    assert (kept.before, kept.after) == ({"b": 2}, {"b": 3, "c": 4})


def test_one_answer_has_one_success_rate_and_a_deferred_run_is_no_good_one(story: Any) -> None:
    story.follow("day")
    for status in ("complete", "partial", "failed", "deferred", "deferred", "running"):
        story.run("day", status)
    told = views.detail(story.conn, "day", OWN, story.now)
    own = told.statistics
    assert (own.runs, own.ended, own.good, own.failed, own.running) == (6, 5, 2, 1, 1)
    assert told.success_rate == own.success_rate == 0.4
    [today] = executions.activity(story.conn, story.ago(1), story.today)
    assert (today.good, today.failed, today.other) == (2, 1, 3)
