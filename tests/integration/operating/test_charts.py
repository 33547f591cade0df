"""Charts as people look at them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from chartline.errors import BadInput, UnknownChart
from chartline.operating import charts
from chartline.settings import settings
from chartline.warehouse.reads.charts import ChartFilter


def find(story: Any, **wanted: Any) -> tuple[list[charts.ChartLine], int]:
    more = {name: wanted.pop(name) for name in ("state", "sort", "limit", "offset") if name in wanted}
    return charts.find(story.conn, ChartFilter(**wanted), settings(), story.now, **more)


def slugs(story: Any, **wanted: Any) -> list[str]:
    return [line.slug for line in find(story, **wanted)[0]]


def test_the_catalogue_holds_what_is_followed_and_what_is_not(story: Any) -> None:
    story.follow("day")
    story.list_days("day", story.ago(1), story.ago(2))
    due = (story.now - timedelta(hours=settings().overdue_hours)).date() - timedelta(days=1)
    day, week = find(story)[0]
    assert (day.slug, day.state, week.slug, week.state) == ("day", "overdue", "week", "not_followed")
    assert f"The ranking of {due} is overdue since " in day.reason
    assert "UTC: no run has started" in day.reason
    assert (week.schedule_id, week.next_sync, week.completeness) == (None, None, None)
    assert day.next_sync is not None
    assert day.next_sync > story.now


def test_states_tell_what_is_to_be_done(story: Any) -> None:
    story.follow("day", sync_frequency="never")
    story.follow("week", is_active=False)
    day, week = find(story)[0]
    assert (day.state, week.state) == ("quarantined", "paused")
    assert "sync_frequency" in day.reason
    assert slugs(story, state="quarantined") == ["day"]
    assert slugs(story, state="paused") == ["week"]
    assert slugs(story, state="active") == []
    assert slugs(story, state="not_followed") == []
    assert slugs(story, state="not_followed", followed=True) == []


def test_a_chart_that_is_here_up_to_yesterday_is_active(story: Any) -> None:
    story.follow("day")
    story.rank("day", story.ago(1), [1])
    assert slugs(story, state="active") == ["day"]
    assert slugs(story, state="not_followed") == ["week"]


def test_search_and_filters(story: Any) -> None:
    assert slugs(story, text="THE wee") == ["week"]
    assert slugs(story, text="100%") == []
    assert slugs(story, platform="deezer") == []
    assert slugs(story, country="FR", frequency="daily") == ["day"]
    assert slugs(story, sort="-slug") == ["week", "day"]
    assert find(story, limit=1, offset=1)[1] == 2
    assert slugs(story, limit=1, offset=1) == ["week"]
    with pytest.raises(BadInput, match="sort"):
        find(story, sort="slug; drop table chart")


def test_completeness_counts_what_is_wanted(story: Any) -> None:
    story.follow("day")
    story.rank("day", story.ago(1), [1])
    story.list_days("day", story.ago(2), story.ago(3), story.ago(4), story.ago(3000))
    story.ledger("ranking", "day", story.ago(4).isoformat(), outcome="absent")
    line = find(story, slugs=["day"])[0][0]
    assert (line.listed, line.missing, line.completeness) == (3, 2, 0.3333)


def test_the_success_rate_is_of_the_newest_runs_that_ended(story: Any) -> None:
    for number in range(30):
        began = story.now - timedelta(hours=100 - number)
        story.run("day", "failed" if number < 10 or number == 29 else "complete", started_at=began)
    story.run("day", "running")
    line = find(story, slugs=["day"])[0][0]
    assert (line.runs, line.success_rate) == (20, 0.95)
    assert line.last_run is not None
    assert line.last_run.status == "running"


def test_a_list_makes_as_many_queries_whatever_its_length(story: Any, queries: Any) -> None:
    one = queries(lambda: find(story, slugs=["day"]))
    story.follow("day")
    story.follow("week")
    assert queries(lambda: find(story)) <= 6
    assert one <= 6


def test_an_unknown_chart_is_said_to_be_unknown(story: Any) -> None:
    for ask in (
        lambda: charts.one(story.conn, "none", settings(), story.now),
        lambda: charts.ranking(story.conn, "none", None),
        lambda: charts.calendar(story.conn, "none", 2026),
        lambda: charts.completeness(story.conn, "none", settings(), story.now),
    ):
        with pytest.raises(UnknownChart):
            ask()


# -- rankings


@pytest.fixture
def ranked(story: Any) -> Any:
    story.rank("day", story.ago(3), [1, 2, 3, 4])
    story.rank("day", story.ago(1), [2, 1, 5, 6, 7],
        old_position={2: 2, 1: 1, 5: 0, 6: 0, 7: 0},
        time_on_chart={2: 9, 1: 9, 5: 1, 6: 4, 7: None},
        entry_date={5: story.ago(1), 6: story.ago(40), 7: story.ago(40)},
    )  # fmt: skip
    story.credit(2, 100)
    return story


def test_a_ranking_tells_who_moved_who_is_new_and_who_is_back(ranked: Any) -> None:
    found = charts.ranking(ranked.conn, "day", None)
    assert found is not None
    assert (found.day, found.before, found.after) == (ranked.ago(1), ranked.ago(3), None)
    assert [(place.position, place.move, place.old_position, place.places) for place in found.items] == [
        (1, "up", 2, 1),
        (2, "down", 1, -1),
        (3, "new", None, None),
        (4, "re_entry", None, None),
        (5, "re_entry", None, None),
    ]
    assert [artist["name"] for artist in found.items[0].artists] == ["Artist 100"]
    assert found.whole


def test_a_ranking_tells_who_left(ranked: Any) -> None:
    found = charts.ranking(ranked.conn, "day", ranked.ago(1), limit=1)
    assert found is not None
    assert ([(gone.position, gone.name) for gone in found.left], found.left_total) == ([(3, "Track 3")], 2)
    assert (len(found.items), found.total, found.next_offset) == (1, 5, 1)
    rest = charts.ranking(ranked.conn, "day", ranked.ago(1), limit=10, offset=1)
    assert rest is not None
    assert [place.position for place in rest.items] == [2, 3, 4, 5]
    assert [gone.position for gone in rest.left] == [4]


def test_the_first_ranking_is_compared_with_nothing(ranked: Any) -> None:
    found = charts.ranking(ranked.conn, "day", ranked.ago(3))
    assert found is not None
    assert {place.move for place in found.items} == {"unknown"}
    assert (found.left, found.left_total, found.after) == ([], 0, ranked.ago(1))


def test_where_the_source_says_nothing_the_stored_ranking_before_does(story: Any) -> None:
    story.rank("day", story.ago(2), [1, 2])
    story.rank("day", story.ago(1), [2, 3])
    found = charts.ranking(story.conn, "day", None)
    assert found is not None
    assert [(place.move, place.old_position) for place in found.items] == [("up", 2), ("new", None)]


def test_a_day_that_is_not_stored_has_no_ranking(ranked: Any) -> None:
    assert charts.ranking(ranked.conn, "day", ranked.ago(2)) is None
    assert charts.ranking(ranked.conn, "week", None) is None


# -- days


def test_the_calendar_of_a_year(story: Any) -> None:
    first = date(2026, 3, 1)
    story.rank("day", first, [1, 2])
    story.rank("day", first + timedelta(1), [1, 2], lost=1)
    story.list_days("day", first + timedelta(2), first + timedelta(4), first + timedelta(5), date(2025, 12, 31))
    story.ledger("ranking", "day", (first + timedelta(5)).isoformat(), outcome="absent")
    found = charts.calendar(story.conn, "day", 2026)
    of_march = {day.day.day: day.state for day in found.days if day.day.month == 3}
    assert of_march == {1: "stored", 2: "short", 3: "missing", 4: "absent", 5: "missing", 6: "absent"}
    assert (found.counts.stored, found.counts.short, found.counts.missing) == (1, 1, 2)
    assert {day.state for day in found.days if day.day.month < 3} == {"absent"}
    assert (found.first, found.last) == (date(2025, 12, 31), first + timedelta(5))
    assert next(day.entries for day in found.days if day.state == "short") == 1


def test_completeness_by_month_and_within_what_is_wanted(story: Any) -> None:
    story.follow("day", sync_historical_data=False, created_at=story.now, history_asked_at=story.now)
    story.rank("day", story.ago(1), [1])
    story.rank("day", story.ago(400), [1])
    story.list_days("day", story.ago(399))
    found = charts.completeness(story.conn, "day", settings(), story.now)
    assert found.wanted is not None
    assert (found.counts.listed, found.counts.missing, found.wanted.listed, found.wanted.missing) == (3, 1, 1, 0)
    assert found.completeness == 1
    assert sum(month.stored for month in found.months) == 2
    unfollowed = charts.completeness(story.conn, "week", settings(), story.now)
    assert (unfollowed.followed, unfollowed.wanted, unfollowed.completeness) == (False, None, None)
