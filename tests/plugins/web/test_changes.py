"""The list of changes."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from chartline.schedules import service
from chartline.warehouse.connect import Connection


@pytest.fixture
def changed(conn: Connection) -> None:
    service.add(conn, "day", created_by="ada")
    service.change(conn, "day", {"history_days": 9}, by="bob")
    service.remove(conn, "day", by="ada")
    service.add(conn, "week", created_by="bob")


def told(answer: Any) -> list[tuple[str, str, str]]:
    assert answer.status_code == 200, answer.text
    return [(one["who"], one["action"], one["subject"]) for one in answer.json()["items"]]


@pytest.mark.usefixtures("changed")
def test_changes_are_listed_newest_first(viewer: TestClient) -> None:
    assert told(viewer.get("changes/")) == [
        ("bob", "schedule.add", "week"),
        ("ada", "schedule.remove", "day"),
        ("bob", "schedule.change", "day"),
        ("ada", "schedule.add", "day"),
    ]
    change = viewer.get("changes/", params={"action": "schedule.change"}).json()["items"][0]
    assert (change["before"], change["after"]) == ({"history_days": 365}, {"history_days": 9})


@pytest.mark.usefixtures("changed")
def test_changes_are_filtered_and_paged(viewer: TestClient) -> None:
    assert len(told(viewer.get("changes/", params={"who": "ada"}))) == 2
    assert len(told(viewer.get("changes/", params={"action": "schedule", "subject": "day"}))) == 3
    assert told(viewer.get("changes/", params={"action": "sched"})) == []
    assert told(viewer.get("changes/", params={"since": "2999-01-01T00:00:00Z"})) == []
    assert len(told(viewer.get("changes/", params={"until": "2999-01-01T00:00:00Z"}))) == 4
    first = viewer.get("changes/", params={"limit": 3}).json()
    assert (len(first["items"]), first["total"], first["next_offset"]) == (3, 4, 3)
    assert told(viewer.get("changes/", params={"limit": 3, "offset": 3})) == [("ada", "schedule.add", "day")]


@pytest.mark.parametrize("params", [{"since": "yesterday"}, {"since": "2026-01-01T00:00:00"}, {"limit": 0}, {"x": 1}])
def test_wrong_parameters_are_named(viewer: TestClient, params: dict[str, Any]) -> None:
    answer = viewer.get("changes/", params=params)
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == set(params)
