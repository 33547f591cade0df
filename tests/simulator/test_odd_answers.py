"""Each odd answer can be switched on, is the same at every call, and the truth says what is right for it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from simulator.needed import ChartAsk, needed_calls
from simulator.odd_answers import HUGE_RESET, SHAPES, OddAnswers
from simulator.service import Service
from simulator.settings import Settings
from simulator.tracks import Track
from simulator.world import World

CHART = "demo-global-daily"
LATEST = f"/api/v2.14/chart/song/{CHART}/ranking/latest"


@pytest.fixture
def world() -> World:
    """A world of this test's own: odd answers are part of its truth."""
    return World()


@pytest.fixture
def odd(configure: Any) -> Any:
    """Switch odd answers on: shape to share or patterns."""

    def switch(**shapes: Any) -> None:
        configure(odd_answers={name.replace("_", "-"): chosen for name, chosen in shapes.items()})

    return switch


def song(api: TestClient, uuid: str) -> dict[str, Any]:
    thing: dict[str, Any] = api.get(f"/api/v2.25/song/{uuid}").json()["object"]
    return thing


def track(world: World, uuid: str) -> Track:
    found = world.song(uuid)
    assert found is not None
    return found


def pages(api: TestClient, path: str = LATEST) -> tuple[list[dict[str, Any]], list[int]]:
    """All items of a list as a client that follows `next` gets them, and the totals stated."""
    items, totals, following = [], [], path
    while following:
        body = api.get(following).json()
        items += body["items"]
        totals.append(body["page"]["total"])
        following = body["page"]["next"]
    return items, totals


# -- what is struck --------------------------------------------------------------------------------------------


def test_a_share_strikes_so_many_and_always_the_same() -> None:
    keys = [f"thing {number}" for number in range(4_000)]
    struck = [key for key in keys if OddAnswers(1, {"echo": 0.02}).strikes("echo", key)]
    assert 50 < len(struck) < 110
    assert struck == [key for key in keys if OddAnswers(1, 0.02).strikes("echo", *key.split(" "))]
    assert struck != [key for key in keys if OddAnswers(2, 0.02).strikes("echo", key)]
    assert not any(OddAnswers(1).strikes("echo", key) for key in keys)


def test_patterns_name_what_is_struck() -> None:
    named = OddAnswers(1, {"same-400": ["* genius", "abc spotify"]})
    assert named.strikes("same-400", "xyz", "genius")
    assert named.strikes("same-400", "abc", "spotify")
    assert not named.strikes("same-400", "xyz", "spotify")


@pytest.mark.parametrize("wanted", [{"no-such": 0.1}, {"echo": 1.1}, 2, {"echo": "all"}])
def test_what_cannot_be_is_refused_by_name_and_changes_nothing(api: TestClient, wanted: Any) -> None:
    before = api.get("/_control/settings").json()
    answer = api.post("/_control/settings", json={"odd_answers": wanted})
    assert answer.status_code == 422
    assert "odd_answers" in answer.text
    assert api.get("/_control/settings").json() == before


def test_another_world_keeps_the_switches(api: TestClient, service: Service) -> None:
    api.post("/_control/settings", json={"odd_answers": {"renamed-chart": 1}})
    api.post("/_control/world", json={"seed": 7})
    assert service.world.odd.strikes("renamed-chart", CHART)
    assert api.get(LATEST).json()["related"]["chart"]["slug"] == f"{CHART}-renamed"


def test_a_reset_with_settings_switches_all_off(api: TestClient, service: Service) -> None:
    api.post("/_control/settings", json={"odd_answers": 1})
    assert service.world.odd
    api.post("/_control/reset?settings=true")
    assert not service.world.odd


def test_all_at_once_are_answered(api: TestClient, configure: Any, service: Service) -> None:
    configure(odd_answers=0.3)
    day = service.world.latest_day(CHART, service.clock.now())
    assert day is not None
    for uuid in service.world.tracks_of(CHART, day)[:60]:
        assert api.get(f"/api/v2.25/song/{uuid}", follow_redirects=False).status_code in (200, 301)
        assert api.get(f"/api/v2/song/{uuid}/audience/spotify").status_code in (200, 400)


# -- tracks and artists ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "length", "precision"), [("release-year", 4, "year"), ("release-month", 7, "month")])
def test_a_release_may_be_a_year_or_a_month(
    api: TestClient, configure: Any, world: World, tracks: Any, name: str, length: int, precision: str
) -> None:
    day = next(song(api, uuid)["releaseDate"] for uuid in tracks if song(api, uuid)["releaseDate"])
    uuid = next(uuid for uuid in tracks if song(api, uuid)["releaseDate"] == day)
    configure(odd_answers={name: 1})
    assert song(api, uuid)["releaseDate"] == day[:length]
    true = world.song(uuid)
    assert true is not None
    assert true.release_date == date.fromisoformat(f"{day[:length]}-01-01"[:10])
    assert true.release_date_precision == precision


def test_a_birth_may_be_a_year(api: TestClient, odd: Any, world: World, artists: Any) -> None:
    uuid = next(uuid for uuid in artists if (one := world.artist(uuid)) and one.birth_date)
    odd(birth_year=[uuid])
    told = api.get(f"/api/v2.9/artist/{uuid}").json()["object"]["birthDate"]
    true = world.artist(uuid)
    assert true is not None
    assert true.birth_date == date(int(told), 1, 1)
    assert true.birth_date_precision == "year"


@pytest.mark.parametrize(
    ("name", "field", "value", "truth"),
    [
        ("zero-date", "releaseDate", "0000-00-00", "release_date"),
        ("empty-list-for-object", "audio", [], "audio"),
        ("empty-list-for-object", "isrc", [], "isrc"),
        ("empty-isrc", "isrc", {}, "isrc"),
        ("empty-object-for-list", "genres", {}, "genres"),
    ],
)
def test_what_is_no_value_is_not_known(
    api: TestClient, configure: Any, world: World, tracks: Any, name: str, field: str, value: Any, truth: str
) -> None:
    configure(odd_answers={name: [tracks[0]]})
    assert song(api, tracks[0])[field] == value
    assert not getattr(world.song(tracks[0]), truth)
    assert song(api, tracks[1])[field] != value


def test_names_and_labels_may_be_very_long(api: TestClient, odd: Any, world: World, tracks: Any) -> None:
    odd(long_name=[tracks[0]], long_label=[tracks[1]])
    row = api.get(LATEST).json()["items"][0]["song"]
    assert len(row["name"]) == 3_000
    assert row["name"] == song(api, tracks[0])["name"] == track(world, tracks[0]).name
    label = song(api, tracks[1])["labels"][0]["name"]
    assert len(label) == 4_000
    assert label == track(world, tracks[1]).labels[0][0]


def test_fields_appear_vanish_and_change_their_type(api: TestClient, odd: Any, world: World, tracks: Any) -> None:
    uuid = next(uuid for uuid in tracks if song(api, uuid)["duration"])
    plain = song(api, uuid)
    odd(field_new=1, field_gone=1, field_retyped=1)
    told = song(api, uuid)
    assert set(told) - set(plain) == {"simulatedField"}
    assert set(plain) - set(told) == {"copyright"}
    assert told["duration"] == str(plain["duration"])
    assert track(world, uuid).copyright is None


def test_a_track_may_be_answered_under_another_uuid(api: TestClient, odd: Any, world: World, tracks: Any) -> None:
    odd(other_uuid=[tracks[1]])
    told = [item["uuid"] for item in api.get(f"/api/v2.25/song/{','.join(tracks[:3])}").json()["items"]]
    assert told[0::2] == [tracks[0], tracks[2]]
    assert told[1] == world.odd.other_uuid(tracks[1])
    assert world.song(told[1]) is None
    assert world.odd.fails("track_metadata", tracks[1])


def test_a_track_may_have_moved(api: TestClient, odd: Any, world: World, tracks: Any) -> None:
    odd(moved_one=[tracks[1]])
    other = world.odd.other_uuid(tracks[1])
    for asked in (tracks[1], ",".join(tracks[:3])):
        answer = api.get(f"/api/v2.25/song/{asked}", follow_redirects=False)
        assert answer.status_code == 301
        assert answer.headers["location"] == f"/api/v2.25/song/{asked.replace(tracks[1], other)}"
    assert song(api, tracks[0])["uuid"] == tracks[0]
    assert world.odd.fails("track_metadata", tracks[1])
    assert not world.odd.fails("track_metadata", tracks[0])


# -- rankings --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "stated", "needed"), [("distinct", 200, 1), ("rows", 201, 2)])
def test_a_row_may_come_twice(
    api: TestClient, configure: Any, world: World, now: Any, tracks: Any, name: str, stated: int, needed: int
) -> None:
    configure(odd_answers={f"row-twice-total-{name}": [f"{CHART} *"]})
    items, totals = pages(api)
    assert len(items) == 201
    assert set(totals) == {stated}
    assert {item["song"]["uuid"] for item in items} == set(tracks)
    twice = [item for item in items if items.count(item) == 2]
    assert len(twice) == 2
    assert needed_calls(world, now, [ChartAsk(slug=CHART)])[CHART]["ranking_at"] == needed


def test_an_entry_date_may_be_no_date(api: TestClient, odd: Any, world: World, tracks: Any) -> None:
    odd(php_null_date=[f"{CHART} {tracks[3]}"])
    rows = api.get(LATEST).json()["items"]
    assert [row["song"]["uuid"] for row in rows if row["entryDate"].startswith("-0001-11-30")] == [tracks[3]]
    entries = world.ranking(CHART, date.fromisoformat(rows[0]["rankDate"][:10])).entries
    assert [entry.track_uuid for entry in entries if entry.entry_day is None] == [tracks[3]]


def test_a_chart_may_have_another_name_than_it_was_asked_by(api: TestClient, odd: Any) -> None:
    odd(renamed_chart=[CHART])
    calendar = f"/api/v2/chart/song/{CHART}/available-rankings"
    for path in (LATEST, calendar):
        related = api.get(path).json()["related"]
        assert related.get("chart", related)["slug"] == f"{CHART}-renamed"


def test_a_weekly_chart_may_have_days_off_its_weekday(api: TestClient, odd: Any, world: World, now: Any) -> None:
    weekly = next(chart for chart in world.charts() if chart.frequency == "weekly")
    usual = world.days(weekly.slug, now)
    odd(off_weekday=[weekly.slug])
    days = world.days(weekly.slug, now)
    more = sorted(set(days) - set(usual))
    assert set(usual) < set(days)
    assert len(usual) / 6 < len(more) < len(usual) / 3
    assert {(day.weekday() - weekly.turn) % 7 for day in more} == {5}
    listed, _ = pages(api, f"/api/v2/chart/song/{weekly.slug}/available-rankings?limit=100")
    assert [str(stamp)[:10] for stamp in listed] == [day.isoformat() for day in days]
    path = f"/api/v2.14/chart/song/{weekly.slug}/ranking/{more[-1]}T12:00:00%2B00:00"
    items, _ = pages(api, path)
    truth = world.ranking(weekly.slug, more[-1]).entries
    assert [item["song"]["uuid"] for item in items] == [entry.track_uuid for entry in truth]
    assert {item["rankDate"][:10] for item in items} == {more[-1].isoformat()}


def test_the_newest_ranking_may_lie_off_the_weekday(world: World, now: Any) -> None:
    weekly = next(chart for chart in world.charts() if chart.frequency == "weekly")
    world.odd = OddAnswers(world.seed, {"off-weekday": 1})
    more = next(day for day in world.days(weekly.slug, now) if not weekly.owns(day))
    assert world.latest_day(weekly.slug, world.visible_at(weekly, more)) == more
    assert world.latest_day(weekly.slug, world.visible_at(weekly, more) - timedelta(seconds=1)) != more


# -- series ----------------------------------------------------------------------------------------------------


def test_a_point_may_lie_in_the_far_future(api: TestClient, odd: Any, world: World, tracks: Any) -> None:
    path = f"/api/v2/song/{tracks[1]}/audience/spotify"
    plain = api.get(path).json()["items"]
    odd(point_far_future=[f"{tracks[1]} spotify"])
    told = api.get(path).json()["items"]
    assert [item["date"][:4] for item in told].count("9999") == 1
    assert len(told) == len(plain)
    assert world.odd.fails("track_audience", tracks[1], "spotify")
    assert not world.odd.fails("track_audience", tracks[1], "spotify", points=False)
    assert not world.odd.fails("track_audience", tracks[1], "youtube")


def test_a_point_may_lie_in_the_year_one(api: TestClient, odd: Any, world: World, artists: Any) -> None:
    odd(point_year_one=[f"{artists[0]} spotify"])
    told = api.get(f"/api/v2/artist/{artists[0]}/audience/spotify").json()["items"]
    assert [item["date"][:4] for item in told].count("0001") == 1
    assert world.odd.fails("artist_audience", artists[0], "spotify")


def test_a_total_may_be_larger_than_the_list(api: TestClient, odd: Any, world: World, tracks: Any) -> None:
    path = f"/api/v2/song/{tracks[1]}/audience/spotify"
    plain = api.get(path).json()
    odd(total_too_large=[f"{tracks[1]} spotify"])
    told = api.get(path).json()
    assert told["items"] == plain["items"]
    assert told["page"]["total"] == len(told["items"]) + 1
    assert told["page"]["next"] is None
    assert world.odd.comes_short(tracks[1], "spotify")
    assert not world.odd.fails("track_audience", tracks[1], "spotify")


def test_many_may_be_refused_with_the_same_words(api: TestClient, odd: Any, tracks: Any) -> None:
    odd(same_400=["* genius"])
    refused = [api.get(f"/api/v2/song/{uuid}/audience/genius") for uuid in tracks[:3]]
    assert {answer.status_code for answer in refused} == {400}
    assert len({answer.text for answer in refused}) == 1
    assert api.get(f"/api/v2/song/{tracks[0]}/audience/spotify").status_code == 200


def test_a_located_series_has_its_worldwide_figure(api: TestClient, odd: Any, world: World, artists: Any) -> None:
    odd(located_value=[f"{artists[0]} instagram"])
    told = api.get(f"/api/v2.37/artist/{artists[0]}/social/instagram/followers/").json()["items"]
    assert told
    assert {item["value"] for item in told} == {123_456}
    today = date.fromisoformat(told[-1]["date"][:10])
    as_of = world.visible_at(world.charts()[0], today)
    assert {point.value for point in world.local_followers(artists[0], "instagram", today, today, as_of)} == {123_456}


# -- refusals --------------------------------------------------------------------------------------------------


def test_a_minute_may_end_in_sixteen_hours(api: TestClient, configure: Any) -> None:
    configure(faults=[{"kind": "minute_limit", "times": 1}], odd_answers={"reset-huge": 1})
    answer = api.get(LATEST)
    assert answer.status_code == 429
    assert "maximum request count" in answer.text
    assert answer.headers["x-ratelimit-reset"] == str(HUGE_RESET)
    again = api.get(LATEST)
    assert again.status_code == 200
    assert int(again.headers["x-ratelimit-reset"]) <= 60


def test_a_refusal_may_repeat_the_request(api: TestClient, configure: Any, tracks: Any) -> None:
    configure(odd_answers={"echo": ["song_audience * spotify"], "same-400": ["* spotify"]})
    told = api.get(f"/api/v2/song/{tracks[0]}/audience/spotify").json()
    assert told["errors"][0]["code"] == 400
    assert told["request"]["headers"]["x-api-key"] == "some-key"


def test_every_shape_has_its_test_here_and_its_line_in_the_docs() -> None:
    from pathlib import Path

    docs = (Path(__file__).parents[2] / "docs/simulator.md").read_text()
    assert [name for name in SHAPES if f"`{name}`" not in docs] == []


def test_the_switches_can_be_set_at_start() -> None:
    assert Service(World(), Settings(odd_answers={"echo": 0.5})).world.odd
