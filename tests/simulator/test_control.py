from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from simulator.app import create_app
from simulator.service import Service
from simulator.settings import CONTROL_HEADER
from simulator.world import World

PLATFORMS = "/api/v2/chart/song/platforms"
LATEST = "/api/v2.14/chart/song/demo-global-daily/ranking/latest"


@pytest.mark.parametrize("path", ["settings", "world", "clock", "counts", "log"])
def test_nobody_from_another_machine_can_steer(anonymous: TestClient, service: Service, path: str) -> None:
    keys = {"x-forwarded-for": "127.0.0.1", CONTROL_HEADER: service.control_token}
    assert anonymous.get(f"/_control/{path}", headers=keys).status_code == 404
    assert anonymous.post(f"/_control/{path}", json={}, headers=keys).status_code == 404
    assert anonymous.get("/_truth/rankings/demo-global-daily", headers=keys).status_code == 404


@pytest.mark.parametrize("path", ["settings", "world", "clock", "counts", "log"])
@pytest.mark.parametrize("shown", [{}, {CONTROL_HEADER: ""}, {CONTROL_HEADER: "some-tokem"}])
def test_nobody_without_the_token_can_steer_or_read_logins(
    neighbour: TestClient, service: Service, path: str, shown: dict[str, str]
) -> None:
    before = service.settings, service.world, service.clock.frozen
    read = neighbour.get(f"/_control/{path}", headers=shown)
    written = [neighbour.post(f"/_control/{path}", json={"seed": 9, "real": True}, headers=shown)]
    written.append(neighbour.post("/_control/reset?settings=true&clock=true", headers=shown))
    truth = neighbour.get("/_truth/rankings/demo-global-daily", headers=shown)
    assert {answer.status_code for answer in (read, truth, written[-1])} == {401}
    assert "demo-secret" not in read.text
    assert service.control_token not in read.text + truth.text
    assert (service.settings, service.world, service.clock.frozen) == before
    assert neighbour.get(LATEST).status_code == 200


def test_nobody_steers_a_simulator_that_was_started_without_a_token() -> None:
    with TestClient(create_app(Service()), client=("127.0.0.1", 50000)) as client:
        assert client.get("/_control/settings", headers={CONTROL_HEADER: ""}).status_code == 401


def test_settings_change_one_by_one(api: TestClient) -> None:
    assert api.post("/_control/settings", json={"latency_ms": 5}).json()["latency_ms"] == 5
    both = api.post("/_control/settings", json={"rate_limit_per_minute": 60}).json()
    assert (both["latency_ms"], both["rate_limit_per_minute"]) == (5, 60)


@pytest.mark.parametrize(
    "wrong",
    [
        {"latency": 5},
        {"latency_ms": -1},
        {"oddities": ["no_such"]},
        {"faults": [{"kind": "flood"}]},
        {"faults": [{"kind": "cut", "shares": 1}]},
        {"faults": [{"kind": "cut", "match": {"path": "*"}}]},
    ],
)
def test_a_wrong_setting_is_refused_by_name_and_changes_nothing(api: TestClient, wrong: dict[str, Any]) -> None:
    before = api.get("/_control/settings").json()
    answer = api.post("/_control/settings", json=wrong)
    assert answer.status_code == 422
    assert next(iter(wrong)) in [error["loc"][0] for error in answer.json()["detail"]]
    assert api.get("/_control/settings").json() == before


def test_the_world_can_be_rebuilt_elsewhere_and_changed(api: TestClient, service: Service) -> None:
    changed = api.post("/_control/world", json={"seed": 9, "overlap": 0.25}).json()
    local = World(**changed)
    served = [item["song"]["uuid"] for item in api.get(LATEST).json()["items"]]
    day = local.latest_day("demo-global-daily", service.clock.now())
    assert day is not None
    assert served == list(local.tracks_of("demo-global-daily", day)[:100])
    assert api.post("/_control/world", json={"overlaps": 1}).status_code == 422


def test_the_clock_is_set_advanced_frozen_and_released(api: TestClient) -> None:
    state = api.post("/_control/clock", json={"set": "2026-01-02T03:00:00+00:00", "frozen": True}).json()
    assert state == {"now": "2026-01-02T03:00:00Z", "frozen": True}
    assert api.post("/_control/clock", json={"advance_seconds": 3600}).json()["now"] == "2026-01-02T04:00:00Z"
    assert api.get(LATEST).json()["related"]["date"] == "2025-12-31T12:00:00+00:00"
    running = api.post("/_control/clock", json={"frozen": False}).json()
    assert not running["frozen"]
    assert running["now"].startswith("2026-01-02T04:00:0")
    assert not api.post("/_control/clock", json={"real": True}).json()["now"].startswith("2026-01-02")
    assert api.post("/_control/clock", json={"set": "2026-01-02T03:00:00"}).status_code == 422
    assert api.post("/_control/clock", json={"sett": "x"}).status_code == 422


def test_counts_tell_calls_bills_and_duplicates(api: TestClient, tracks: tuple[str, ...]) -> None:
    a, b, c = tracks[:3]
    for path in (
        f"/api/v2.25/song/{a},{b}",
        f"/api/v2.25/song/{b},{c}",  # b again
        f"/api/v2/song/{a}/audience/spotify?startDate=2026-11-01",
        f"/api/v2/song/{a}/audience/spotify?startDate=2026-11-02",
        f"/api/v2/song/{a}/audience/youtube?startDate=2026-11-01",
        LATEST,
        f"{LATEST}?offset=100",
        LATEST,  # again
        "/api/v2.25/song/unknown",
        "/api/v2.25/song/unknown",  # not answered well: no duplicate
        "/api/v2/team/usage",
    ):
        api.get(path)
    counts = api.get("/_control/counts").json()
    assert counts["total"] == 11
    assert counts["billed"] == 8
    assert counts["endpoints"]["song"] == {
        "calls": 4, "ok": 2, "billed": 2, "statuses": {"200": 2, "404": 2}, "entities": 3,
    }  # fmt: skip
    assert counts["endpoints"]["team_usage"]["billed"] == 0
    assert counts["duplicates"] == 2
    assert {(row["endpoint"], row["entity"]) for row in counts["duplicate_examples"]} == {
        ("song", b),
        ("ranking_latest", "demo-global-daily"),
    }
    assert counts["busiest_minute"] == 11


def test_the_log_holds_each_call(api: TestClient, tracks: tuple[str, ...], configure: Any) -> None:
    api.get(f"/api/v2/song/{tracks[0]}/audience/spotify?startDate=2026-11-01&endDate=2026-11-05&offset=2")
    configure(faults=[{"kind": "status", "status": 503}])
    api.get(PLATFORMS)
    log = api.get("/_control/log").json()
    first, second = (dict(zip(log["columns"], row, strict=True)) for row in log["rows"])
    at = first.pop("at")
    assert first == {
        "endpoint": "song_audience", "entity": tracks[0], "facet": "spotify", "window": "2026-11-01..2026-11-05",
        "offset": 2, "status": 200, "billed": True, "fault": "",
    }  # fmt: skip
    assert second["at"] >= at
    assert (second["endpoint"], second["status"], second["billed"], second["fault"]) == (
        "song_platforms", 503, False, "status",
    )  # fmt: skip
    assert len(api.get("/_control/log?endpoint=song_audience").json()["rows"]) == 1
    assert api.post("/_control/reset").json()["total"] == 0
    assert api.get("/_control/log").json()["rows"] == []


def test_control_is_never_counted(api: TestClient) -> None:
    for path in ("/_control/counts", "/_control/world", "/_truth/rankings/demo-global-daily", "/_truth/nothing"):
        api.get(path)
    assert api.get("/_control/counts").json()["total"] == 0


def test_a_reset_can_bring_the_settings_back(api: TestClient) -> None:
    api.post("/_control/settings", json={"quota": 3, "faults": [{"kind": "cut"}]})
    api.post("/_control/reset?settings=true")
    settings = api.get("/_control/settings").json()
    assert (settings["quota"], settings["faults"]) == (1_000_000, [])


def test_the_truth_can_be_read(api: TestClient, tracks: tuple[str, ...], artists: tuple[str, ...]) -> None:
    ranking = api.get("/_truth/rankings/demo-global-daily").json()
    assert [row["track_uuid"] for row in ranking["entries"]] == list(tracks)
    assert api.get(f"/_truth/songs/{tracks[0]}").json()["uuid"] == tracks[0]
    assert api.get(f"/_truth/artists/{artists[0]}").json()["uuid"] == artists[0]
    for path in ("rankings/none", "songs/none", "artists/none", "rankings/demo-global-daily?day=2019-01-01"):
        assert api.get(f"/_truth/{path}").status_code == 404


def test_the_truth_tells_whom_faults_strike(api: TestClient, tracks: tuple[str, ...]) -> None:
    gone = {"match": "song*", "per": "entity", "share": 0.5, "kind": "status", "status": 404}
    api.post("/_control/settings", json={"faults": [gone]})
    struck = api.get(f"/_truth/faulted?uuids={','.join(tracks[:20])}").json()["status 404"]
    assert 0 < len(struck) < 20
    for uuid in tracks[:20]:
        assert (api.get(f"/api/v2.25/song/{uuid}").status_code == 404) == (uuid in struck)


def test_a_ranking_may_be_late_and_then_come(api: TestClient, service: Service) -> None:
    calendar = "/api/v2/chart/song/demo-global-daily/available-rankings"
    newest = api.get(calendar).json()["items"]
    late = {newest[0][:10]: 2.5, newest[2][:10]: 10_000}
    told = api.post("/_control/world", json={"late_hours": {"demo-global-daily": late}}).json()
    assert World(**told).settings.late_hours == service.world.settings.late_hours

    chart = service.world.chart("demo-global-daily")
    assert chart is not None
    [day, _] = service.world.settings.late_hours["demo-global-daily"]
    usual = chart.visible_at(day)

    def seen_at(hours: float) -> list[str]:
        api.post("/_control/clock", json={"set": (usual + timedelta(hours=hours)).isoformat(), "frozen": True})
        listed: list[str] = api.get(calendar).json()["items"]
        assert api.get(LATEST).json()["related"]["date"] == listed[0]
        first = api.get(f"/api/v2.14/chart/song/demo-global-daily/ranking/{newest[0]}")
        assert first.status_code == (200 if newest[0] in listed else 404)
        return listed

    assert seen_at(2.4)[:2] == [newest[1], newest[3]]
    assert seen_at(2.5)[:3] == [newest[0], newest[1], newest[3]]
    api.post("/_control/world", json={"late_hours": {}})
    assert seen_at(2.4)[:4] == newest[:4]


@pytest.mark.parametrize("wrong", [{"x": {"2026-11-18": -1}}, {"x": {"someday": 1}}, {"x": 3}])
def test_a_wrong_lateness_is_refused(api: TestClient, wrong: Any) -> None:
    assert api.post("/_control/world", json={"late_hours": wrong}).status_code == 422
