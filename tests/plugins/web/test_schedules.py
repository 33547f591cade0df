"""The life of a schedule by REST."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from chartline.schedules import service
from chartline.warehouse import executions
from chartline.warehouse.connect import Connection
from chartline.warehouse.schedules import get

LIST = "sync/schedules/"


def fields(answer: Any) -> set[str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return {error["field"] for error in answer.json()["errors"]}


def log(conn: Connection) -> list[tuple[Any, ...]]:
    return conn.execute("select who, action, subject, before, after from change_log order by id").fetchall()


def test_a_chart_is_followed_by_its_slug(editor: TestClient, conn: Connection) -> None:
    answer = editor.post(LIST, json={"chart": "day", "history_days": 30})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == "/chartline/api/sync/schedules/day/"
    made = answer.json()["schedule"]
    assert (made["slug"], made["state"], made["timing"]) == ("day", "active", "daily")
    assert (made["settings"]["sync_frequency"], made["settings"]["history_days"]) == ("daily", 30)
    assert made["created_by"] == "editor"
    stored = get(conn, "day")
    assert stored is not None
    assert stored.history_days == 30


def test_a_chart_is_followed_by_its_id_with_its_own_frequency(editor: TestClient, conn: Connection) -> None:
    row = conn.execute("select id from chart where slug = 'week'").fetchone()
    assert row is not None
    answer = editor.post(LIST, json={"chart": row[0]})
    assert answer.status_code == 201, answer.text
    assert answer.json()["schedule"]["settings"]["sync_frequency"] == "weekly"
    assert editor.get(f"{LIST}{row[0]}/").json()["slug"] == "week"


def test_a_chart_is_followed_once(editor: TestClient, conn: Connection) -> None:
    assert editor.post(LIST, json={"chart": "day"}).status_code == 201
    again = editor.post(LIST, json={"chart": "day", "history_days": 3})
    assert again.status_code == 409
    assert again.json()["kind"] == "already_followed"
    assert len(log(conn)) == 1
    stored = get(conn, "day")
    assert stored is not None
    assert stored.history_days == 365


def test_a_large_past_is_held_and_said(editor: TestClient, conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    conn.execute("insert into api_call (at, endpoint, status, ms, quota_left) values (now(), 'ranking', 200, 5, 100)")
    answer = editor.post(LIST, json={"chart": "day", "sync_historical_data": True, "history_days": 3000})
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["history_held"] is True
    assert body["estimate"]["total"]["high"] > 100
    assert "approval" in body["message"]
    stored = get(conn, "day")
    assert stored is not None
    assert stored.history_held


def test_the_cost_is_told_before(editor: TestClient, conn: Connection) -> None:
    asked = {"chart": "day", "sync_historical_data": True, "history_days": 100}
    answer = editor.post(f"{LIST}estimate/", json=asked)
    assert answer.status_code == 200, answer.text
    assert answer.json()["estimate"]["total"]["high"] > 0
    assert answer.json()["settings"]["history_days"] == 100
    assert get(conn, "day") is None
    assert log(conn) == []


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"chart"}),
        ({"chart": ""}, {"chart"}),
        ({"chart": "day", "history_days": 0}, {"history_days"}),
        ({"chart": "day", "history_days": 10**30}, {"history_days"}),
        ({"chart": "day", "history_days": "9"}, {"history_days"}),
        ({"chart": "day", "is_active": "yes"}, {"is_active"}),
        ({"chart": "day", "is_active": None}, {"is_active"}),
        ({"chart": "day", "cron": "x"}, {"cron"}),
        ({"chart": "day", "cron": "\0"}, {"cron"}),
        ({"chart": "day", "sync_frequency": "hourly"}, {"sync_frequency"}),
        ({"chart": "day", "sync_frequency": "daily", "cron": "0 9 * * *"}, {"cron"}),
        ({"chart": "day", "track_platforms": ["nowhere"]}, {"track_platforms"}),
        ({"chart": "day", "history": 3}, {"history"}),
        ({"chart": "day", "history_days": 0, "is_active": 3}, {"history_days", "is_active"}),
        ([], {"body"}),
        ("day", {"body"}),
    ],
)
def test_wrong_bodies_name_the_field(editor: TestClient, conn: Connection, body: Any, wrong: set[str]) -> None:
    answer = editor.post(LIST, json=body)
    assert answer.status_code == 422, answer.text
    assert {field.partition(".")[0] for field in fields(answer)} == wrong
    assert get(conn, "day") is None


def test_what_is_no_json_is_refused(editor: TestClient) -> None:
    answer = editor.post(LIST, content=b"{", headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert fields(answer) == {"body"}
    assert editor.post(LIST, content=b"chart=day").status_code == 415
    assert editor.post(LIST, data={"chart": "day"}).status_code == 415


@pytest.mark.parametrize("key", ["nowhere", "99999", "9" * 40, "a b", "a%00b", "%ff", "..%2f", "day'--"])
def test_the_unknown_is_not_found(editor: TestClient, conn: Connection, key: str) -> None:
    for method, body in (("GET", None), ("PATCH", {"history_days": 9}), ("PUT", {}), ("DELETE", None)):
        assert editor.request(method, f"{LIST}{key}/", json=body).status_code == 404, (method, key)
    assert editor.post(LIST, json={"chart": "no such \0 chart"}).status_code in (404, 422)


def test_a_known_chart_that_nobody_follows_is_not_found(editor: TestClient, conn: Connection) -> None:
    for method, body in (("GET", None), ("PATCH", {"history_days": 9}), ("PUT", {}), ("DELETE", None)):
        answer = editor.request(method, f"{LIST}day/", json=body)
        assert (answer.status_code, answer.json()["kind"]) == (404, "not_followed"), method


def test_a_patch_changes_what_it_names(editor: TestClient, conn: Connection) -> None:
    service.add(conn, "day", {"history_days": 30, "track_platforms": ["airplay"]})
    answer = editor.patch(f"{LIST}day/", json={"cron": "0 9 * * 1"})
    assert answer.status_code == 200, answer.text
    changed = answer.json()["schedule"]["settings"]
    assert (changed["sync_frequency"], changed["cron"]) == ("custom", "0 9 * * 1")
    assert (changed["history_days"], changed["track_platforms"]) == (30, ["airplay"])
    assert fields(editor.patch(f"{LIST}day/", json={})) == {"body"}


def test_a_put_says_all(editor: TestClient, conn: Connection) -> None:
    service.add(conn, "day", {"history_days": 30, "cron": "0 9 * * 1"})
    answer = editor.put(f"{LIST}day/", json={"fetch_track_audience": False})
    assert answer.status_code == 200, answer.text
    changed = answer.json()["schedule"]["settings"]
    assert (changed["sync_frequency"], changed["cron"], changed["history_days"]) == ("daily", None, 365)
    assert changed["fetch_track_audience"] is False
    same = editor.put(f"{LIST}day/", json=changed)
    assert same.json()["schedule"]["settings"] == changed


def test_a_deleted_schedule_is_gone_and_its_rows_stay(editor: TestClient, conn: Connection) -> None:
    service.add(conn, "day")
    answer = editor.delete(f"{LIST}day/")
    assert (answer.status_code, answer.content) == (204, b"")
    assert editor.get(f"{LIST}day/").status_code == 404
    assert editor.delete(f"{LIST}day/").status_code == 404


def test_every_change_leaves_who_before_and_after(editor: TestClient, conn: Connection) -> None:
    editor.post(LIST, json={"chart": "day", "history_days": 30})
    editor.patch(f"{LIST}day/", json={"history_days": 60})
    editor.patch(f"{LIST}day/", json={"history_days": 60})  # the same again is no change
    editor.patch(f"{LIST}day/", json={"history_days": 0})
    editor.delete(f"{LIST}day/")
    added, changed, removed = log(conn)
    assert added[:4] == ("editor", "schedule.add", "day", None)
    assert added[4]["history_days"] == 30
    assert changed == ("editor", "schedule.change", "day", {"history_days": 30}, {"history_days": 60})
    assert removed[:3] == ("editor", "schedule.remove", "day")
    assert (removed[3]["history_days"], removed[4]) == (60, None)


def test_a_change_that_is_not_kept_is_not_made(editor: TestClient, conn: Connection) -> None:
    service.add(conn, "day")
    conn.execute("alter table change_log add check (action <> 'schedule.change')")
    assert editor.patch(f"{LIST}day/", json={"history_days": 9}).status_code == 500
    stored = get(conn, "day")
    assert stored is not None
    assert stored.history_days == 365


def test_a_change_asks_airflow_for_a_parse_as_the_person(editor: TestClient, conn: Connection, airflow: Any) -> None:
    airflow.dags["chartline.chart_sync.other"] = False
    told = editor.post(LIST, json={"chart": "day"}).json()["message"]
    assert "in a few seconds" in told
    editor.patch(f"{LIST}day/", json={"history_days": 60})
    editor.delete(f"{LIST}day/")
    assert editor.delete(f"{LIST}day/").status_code == 404
    assert airflow.logins == {"Bearer editor"}
    assert [path for method, path, _ in airflow.asked if method == "PUT"] == ["parseDagFile/token"] * 3


# -- lists -------------------------------------------------------------------------------------------------


@pytest.fixture
def followed(conn: Connection) -> None:
    """day is active, week paused, month quarantined."""
    for slug in ("day", "week", "month"):
        service.add(conn, slug, {"is_active": slug != "week"})
    conn.execute(
        """update chart_sync_schedule set sync_frequency = 'often'
           where chart_id = (select id from chart where slug = 'month')"""
    )


def slugs(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["slug"] for item in answer.json()["items"]]


@pytest.mark.usefixtures("followed")
def test_lists_are_filtered_sorted_and_paged(viewer: TestClient) -> None:
    whole = viewer.get(LIST).json()
    assert whole["totals"] == {"all": 3, "active": 1, "overdue": 0, "paused": 1, "quarantined": 1}
    assert (whole["total"], whole["next_offset"]) == (3, None)
    assert slugs(viewer.get(LIST, params={"sort": "-slug"})) == ["week", "month", "day"]
    assert slugs(viewer.get(LIST, params={"state": "quarantined"})) == ["month"]
    assert slugs(viewer.get(LIST, params={"state": "paused"})) == ["week"]
    assert slugs(viewer.get(LIST, params={"text": "the WEEK"})) == ["week"]
    assert slugs(viewer.get(LIST, params={"text": "%"})) == []
    assert slugs(viewer.get(LIST, params={"platform": "spotify", "country": "FR", "frequency": "monthly"})) == ["month"]
    assert slugs(viewer.get(LIST, params={"country": ""})) == []
    first = viewer.get(LIST, params={"limit": 2, "sort": "slug"})
    assert slugs(first) == ["day", "month"]
    assert first.json()["next_offset"] == 2
    assert slugs(viewer.get(LIST, params={"limit": 2, "offset": 2, "sort": "slug"})) == ["week"]


@pytest.mark.usefixtures("followed")
@pytest.mark.parametrize(
    "sort", ["name", "platform", "state", "last_sync", "next_sync", "success_rate", "completeness"]
)
def test_every_sort_works_both_ways(viewer: TestClient, sort: str) -> None:
    assert sorted(slugs(viewer.get(LIST, params={"sort": sort}))) == ["day", "month", "week"]
    assert sorted(slugs(viewer.get(LIST, params={"sort": f"-{sort}"}))) == ["day", "month", "week"]


@pytest.mark.usefixtures("followed")
def test_a_quarantined_schedule_says_why_and_can_be_mended(editor: TestClient) -> None:
    found = editor.get(f"{LIST}month/").json()
    assert found["state"] == "quarantined"
    assert "sync_frequency" in found["reason"]
    assert found["settings"]["sync_frequency"] == "often"
    assert editor.patch(f"{LIST}month/", json={"sync_frequency": "monthly"}).json()["schedule"]["state"] == "active"


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 100000},
        {"limit": "x"},
        {"offset": -1},
        {"offset": 10**30},
        {"state": "lost"},
        {"sort": "luck"},
        {"text": "a\0b"},
        {"text": "x" * 5000},
        {"plattform": "spotify"},
    ],
)
def test_wrong_parameters_are_named(viewer: TestClient, params: dict[str, Any]) -> None:
    answer = viewer.get(LIST, params=params)
    assert answer.status_code == 422, answer.text
    assert fields(answer) == set(params)


def test_one_has_its_runs_and_what_they_came_to(viewer: TestClient, conn: Connection) -> None:
    service.add(conn, "day")
    for number, status in enumerate(("complete", "failed", "partial")):
        run = executions.open_execution(
            conn, dag_id="chartline.chart_sync.day", run_id=f"r{number}", chart_slug="day", trigger="manual"
        )
        executions.close(conn, run.id, status, "It broke." if status == "failed" else None)
    executions.open_execution(conn, dag_id="chartline.chart_sync.day", run_id="now", chart_slug="day", trigger="manual")
    found = viewer.get(f"{LIST}day/").json()
    assert [run["run_id"] for run in found["executions"]] == ["now", "r2", "r1", "r0"]
    assert found["executions"][2]["error"] == "It broke."
    told = found["statistics"]
    assert (told["runs"], told["good"], told["failed"], told["running"]) == (4, 2, 1, 1)
    assert told["success_rate"] == 0.667
    assert found["next_sync"] is not None
    assert found["last_run"]["status"] == "running"


# -- several at once ---------------------------------------------------------------------------------------


def bulk(editor: TestClient, action: str, *charts: str, **more: Any) -> dict[str, Any]:
    answer = editor.post(f"{LIST}bulk/", json={"action": action, "charts": list(charts), **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_bulk_does_what_it_can_and_tells_of_the_rest(editor: TestClient, conn: Connection) -> None:
    added = bulk(editor, "add", "day", "week", "nowhere", "day", settings={"history_days": 9})
    assert (added["done"], added["failed"]) == (2, 1)
    assert added["outcomes"][2]["problem"]["status"] == 404
    off = bulk(editor, "deactivate", "day", "month", "week")
    assert [(one["chart"], one["done"]) for one in off["outcomes"]] == [("day", True), ("month", False), ("week", True)]
    assert editor.get(LIST).json()["totals"]["paused"] == 2
    assert bulk(editor, "activate", "week")["done"] == 1
    assert bulk(editor, "add", "day")["outcomes"][0]["problem"]["status"] == 409
    assert bulk(editor, "remove", "day", "week")["done"] == 2
    assert [action for _, action, *_ in log(conn)] == [
        *["schedule.add"] * 2,
        *["schedule.change"] * 3,
        *["schedule.remove"] * 2,
    ]


def test_bulk_triggers(editor: TestClient, conn: Connection, airflow: Any) -> None:
    for slug in ("day", "week"):
        service.add(conn, slug)
    airflow.dags = {"chartline.chart_sync.day": False, "chartline.chart_sync.week": True}
    told = bulk(editor, "trigger", "day", "week", "month")
    assert [one["done"] for one in told["outcomes"]] == [True, False, False]
    assert told["outcomes"][0]["run_id"] == "manual__1"
    assert told["outcomes"][1]["problem"]["kind"] == "dag_paused"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"action": "burn", "charts": ["day"]}, "action"),
        ({"action": "add", "charts": []}, "charts"),
        ({"action": "add", "charts": "day"}, "charts"),
        ({"action": "add", "charts": ["day"] * 201}, "charts"),
        ({"action": "remove", "charts": ["day"], "settings": {}}, "settings"),
        ({"action": "add", "charts": ["day"], "settings": {"history_days": 0}}, "settings.history_days"),
        ({"action": "add", "charts": ["day"], "settings": {"cron": "never"}}, "cron"),
        ({"action": "add", "charts": ["day"], "more": 1}, "more"),
    ],
)
def test_a_wrong_bulk_does_nothing(editor: TestClient, conn: Connection, body: Any, wrong: str) -> None:
    answer = editor.post(f"{LIST}bulk/", json=body)
    assert answer.status_code == 422, answer.text
    assert fields(answer) == {wrong}
    assert log(conn) == []
