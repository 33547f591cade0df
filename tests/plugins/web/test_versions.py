"""The older of two who save does not undo what the newer saved: ETag, If-Match, and who changed what."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from chartline.schedules import service
from chartline.warehouse import executions, schedules
from chartline.warehouse.connect import Connection

from .conftest import Caller

LIST = "sync/schedules/"
DAY = f"{LIST}day/"


@pytest.fixture
def browser(app: FastAPI) -> TestClient:
    """An editor's, as our pages ask."""
    return TestClient(
        app,
        base_url="http://testserver/chartline/api/",
        cookies={"_token": "editor"},
        headers={"X-Chartline": "1"},
    )


@pytest.fixture(autouse=True)
def _followed(conn: Connection) -> None:
    service.add(conn, "day", {"history_days": 30}, created_by="ada")


def seen(caller: TestClient) -> dict[str, str]:
    return {"If-Match": caller.get(DAY).headers["etag"]}


def row(conn: Connection, slug: str = "day") -> dict[str, Any]:
    return schedules.rows(conn, [slug])[0]


def test_who_saves_what_was_seen_may(editor: Caller, conn: Connection) -> None:
    first = seen(editor)
    answer = editor.put(DAY, json={"history_days": 60}, headers=first)
    assert answer.status_code == 200, answer.text
    version = answer.json()["schedule"]["version"]
    assert answer.headers["etag"] == f'"{version}"'
    assert editor.get(DAY).json()["version"] == version
    again = editor.patch(DAY, json={"history_days": 61}, headers={"If-Match": answer.headers["etag"]})
    assert again.status_code == 200
    assert editor.delete(DAY, headers={"If-Match": f'"other", W/{again.headers["etag"]}'}).status_code == 204


def test_an_older_one_is_refused_with_who_changed_what(editor: Caller, conn: Connection) -> None:
    old = seen(editor)
    service.change(conn, "day", {"history_days": 60, "is_active": False}, by="bob")
    service.change(conn, "day", {"track_platforms": ["spotify"]}, by="eve")
    for method, body in (("PUT", {"history_days": 5}), ("PATCH", {"history_days": 5}), ("DELETE", None)):
        answer = editor.request(method, DAY, json=body, headers=old)
        assert (answer.status_code, answer.json()["kind"]) == (412, "changed_meanwhile"), method
        told = answer.json()
        assert [(one["who"], one["action"]) for one in told["changes"]] == [
            ("eve", "schedule.change"),
            ("bob", "schedule.change"),
        ]
        assert told["changes"][1]["before"]["history_days"] == 30
        assert told["changes"][1]["after"]["history_days"] == 60
        assert "bob at " in told["detail"]
        assert "is_active from on to off, history_days from 30 to 60" in told["detail"]
        assert "eve at " in told["detail"]
        assert told["version"] == editor.get(DAY).json()["version"]
    assert (row(conn)["history_days"], row(conn)["is_active"], row(conn)["track_platforms"]) == (60, False, ["spotify"])
    assert editor.patch(DAY, json={"history_days": 5}, headers=seen(editor)).status_code == 200


def test_only_what_came_after_is_told(editor: Caller, conn: Connection) -> None:
    service.change(conn, "day", {"history_days": 60}, by="bob")
    old = seen(editor)
    service.change(conn, "day", {"is_active": False}, by="eve")
    told = editor.delete(DAY, headers=old).json()
    assert [one["who"] for one in told["changes"]] == ["eve"]


def test_what_was_changed_in_the_database_is_refused_too(editor: Caller, conn: Connection) -> None:
    old = seen(editor)
    conn.execute("update chartline.chart_sync_schedule set history_days = 77")
    answer = editor.put(DAY, json={}, headers=old)
    assert answer.status_code == 412
    conn.execute("truncate chartline.change_log")
    answer = editor.put(DAY, json={}, headers=old)
    assert (answer.status_code, answer.json().get("changes", [])) == (412, [])
    assert "not through Chartline" in answer.json()["detail"]


def test_a_chart_that_is_followed_anew_is_another(editor: Caller, conn: Connection) -> None:
    old = seen(editor)
    service.remove(conn, "day", by="bob")
    assert editor.put(DAY, json={}, headers=old).status_code == 404
    service.add(conn, "day", {"history_days": 90}, created_by="eve")
    answer = editor.put(DAY, json={}, headers=old)
    assert answer.status_code == 412
    assert [one["who"] for one in answer.json()["changes"]] == ["eve"]
    assert "eve followed the chart anew" in answer.json()["detail"]


def test_a_run_is_no_change_of_the_settings(editor: Caller, conn: Connection) -> None:
    """What else the answer tells changes its ETag, so that 304 is right; the version in it stays."""
    old = editor.get(DAY).headers["etag"]
    run = executions.open_execution(
        conn, dag_id="chartline.chart_sync.day", run_id="r", chart_slug="day", trigger="manual"
    )
    executions.close(conn, run.id, "complete", None)
    new = editor.get(DAY, headers={"If-None-Match": old})
    assert new.status_code == 200
    assert new.headers["etag"] != old
    assert editor.get(DAY, headers={"If-None-Match": new.headers["etag"]}).status_code == 304
    assert editor.patch(DAY, json={"history_days": 5}, headers={"If-Match": old}).status_code == 200


def test_a_program_may_leave_it_out_a_page_may_not(editor: Caller, browser: TestClient, conn: Connection) -> None:
    assert editor.patch(DAY, json={"history_days": 5}).status_code == 200
    assert editor.patch(DAY, json={"history_days": 6}, headers={"If-Match": "*"}).status_code == 200
    for method, body in (("PUT", {"history_days": 7}), ("PATCH", {"history_days": 7}), ("DELETE", None)):
        answer = browser.request(method, DAY, json=body)
        assert (answer.status_code, answer.json()["kind"]) == (428, "version_missing"), method
    assert row(conn)["history_days"] == 6
    assert browser.patch(DAY, json={"history_days": 7}, headers=seen(browser)).status_code == 200


def test_nothing_is_asked_of_the_api_for_what_is_refused(
    editor: Caller, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An estimate of the past that is asked for may take calls."""
    old = seen(editor)
    service.change(conn, "day", {"is_active": False}, by="bob")

    def priced(*_: Any, **__: Any) -> Any:
        raise AssertionError("an estimate was made")

    monkeypatch.setattr("chartline.schedules.following.estimate_schedule", priced)
    answer = editor.patch(DAY, json={"sync_historical_data": True}, headers=old)
    assert answer.status_code == 412


def test_of_many_who_save_at_once_one_does(app: FastAPI, editor: Caller, conn: Connection) -> None:
    old, together = seen(editor), threading.Barrier(8)

    def save(number: int) -> int:
        with Caller(app, "editor") as own:
            together.wait(60)
            return int(own.put(DAY, json={"history_days": 100 + number}, headers=old).status_code)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(save, range(8))) == [200] + [412] * 7


@pytest.mark.parametrize("given", ["", '"x"', "nonsense", '"", ""', "W/", '"' + "x" * 1900 + '"'])
def test_what_is_no_version_matches_none(editor: Caller, conn: Connection, given: str) -> None:
    assert editor.patch(DAY, json={"history_days": 5}, headers={"If-Match": given}).status_code == 412
    assert row(conn)["history_days"] == 30


# -- several at once ---------------------------------------------------------------------------------------


def bulk(caller: TestClient, action: str, versions: dict[str, str] | None, *charts: str) -> Any:
    body = {"action": action, "charts": list(charts)} | ({} if versions is None else {"versions": versions})
    return caller.post(f"{LIST}bulk/", json=body)


@pytest.mark.parametrize("action", ["activate", "deactivate", "remove"])
def test_of_several_those_that_are_as_they_were_seen(
    editor: Caller, browser: TestClient, conn: Connection, action: str
) -> None:
    service.add(conn, "week")
    listed = {one["slug"]: one["version"] for one in editor.get(LIST).json()["items"]}
    service.change(conn, "week", {"history_days": 5}, by="bob")
    for caller in (editor, browser):
        answer = bulk(caller, action, listed, "week")
        [outcome] = answer.json()["outcomes"]
        assert (outcome["done"], outcome["problem"]["status"]) == (False, 412)
        assert outcome["problem"]["changes"][0]["who"] == "bob"
    both = bulk(browser, action, listed, "day", "week").json()
    assert [one["done"] for one in both["outcomes"]] == [True, False]
    assert row(conn, "week")["is_active"] is True


def test_a_page_that_says_no_version_does_nothing_to_any(browser: TestClient, editor: Caller, conn: Connection) -> None:
    listed = {one["slug"]: one["version"] for one in editor.get(LIST).json()["items"]}
    service.add(conn, "week")
    for versions in (None, {}, listed):
        answer = bulk(browser, "deactivate", versions, "day", "week")
        assert (answer.status_code, answer.json()["kind"]) == (428, "version_missing")
    assert row(conn)["is_active"] is True
    assert bulk(editor, "deactivate", None, "day", "week").json()["done"] == 2
    answer = bulk(editor, "add", listed, "month")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "versions")
