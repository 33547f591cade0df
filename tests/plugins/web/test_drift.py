"""The drift of the API's answers by REST."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from chartline.warehouse.connect import Connection


@pytest.fixture
def odd(conn: Connection) -> None:
    conn.execute(
        """insert into answer_oddity (endpoint, path, kind, found, seen, example, first_seen_at, last_seen_at)
           values ('song', 'object.audio', 'unread', 'empty array', 3, '/api/v2.25/song/x', now(), now()),
                  ('song', 'object.<b>', 'refused', 'string <i>', 1, '/x', now() - interval '2 days',
                   now() - interval '2 days')"""
    )
    conn.execute(
        """insert into answer_field
               (endpoint, path, parent, objects, came, recent, always, gone_since, first_seen_at, last_seen_at)
           values ('artist', 'object.isni', 'object', 900, 500, 0.1, true, now() - interval '1 hour', '2026-01-01',
                   now())"""
    )


@pytest.mark.usefixtures("odd")
def test_it_is_listed_latest_first_filtered_and_paged(viewer: TestClient) -> None:
    answer = viewer.get("drift/")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert [(one["endpoint"], one["path"], one["kind"], one["seen"]) for one in told["items"]] == [
        ("artist", "object.isni", "gone", None), ("song", "object.audio", "unread", 3),
        ("song", "object.<b>", "refused", 1),
    ]  # fmt: skip
    assert answer.headers["content-type"].startswith("application/json")
    assert viewer.get("drift/", params={"kind": ["gone", "refused"]}).json()["total"] == 2
    assert viewer.get("drift/", params={"endpoint": "artist"}).json()["total"] == 1
    assert viewer.get("drift/", params={"limit": 1, "offset": 1}).json()["items"][0]["path"] == "object.audio"
    assert viewer.get("drift/", params={"since": "2999-01-01T00:00:00Z"}).json()["total"] == 0


@pytest.mark.parametrize("params", [{"kind": "strange"}, {"since": "yesterday"}, {"limit": 0}, {"x": 1}])
def test_wrong_parameters_are_named(viewer: TestClient, params: dict[str, Any]) -> None:
    answer = viewer.get("drift/", params=params)
    assert answer.status_code == 422
    assert {error["field"].split(".")[0] for error in answer.json()["errors"]} == set(params)


@pytest.mark.usefixtures("odd")
def test_health_warns_of_a_field_that_is_gone(viewer: TestClient, conn: Connection) -> None:
    def check() -> dict[str, Any]:
        return next(one for one in viewer.get("health/").json()["checks"] if one["name"] == "answers")

    told = check()
    assert (told["status"], told["count"]) == ("warning", 1)
    assert "artist object.isni" in told["detail"]
    assert told["advice"]
    conn.execute("update answer_field set gone_since = null")
    told = check()
    assert (told["status"], told["advice"]) == ("ok", "")
    assert "1 left out as they cannot be read" in told["detail"]
    conn.execute("delete from answer_oddity")
    assert check()["detail"] == "The API's answers are as agreed, and as they were before."
