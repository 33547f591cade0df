"""The quota by REST."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from chartline.warehouse.connect import Connection


def test_what_is_left_and_what_was_spent(viewer: TestClient, conn: Connection) -> None:
    conn.execute(
        "insert into api_call (at, endpoint, status, ms, quota_left)"
        " select now(), 'song', 200, 5, 1000 - n from generate_series(1, 10) as n"
    )
    found = viewer.get("quota/").json()
    assert (found["left"], found["today"], found["forecast"]["enough"]) == (990, 10, None)  # of one day nothing is said
    assert (found["status"], found["detail"], found["advice"]) == ("ok", "990 calls are left.", "")
    assert [(one["resource"], one["billed"]) for one in found["by_resource"]] == [("track_metadata", 10)]
    assert len(viewer.get("quota/", params={"days": 1}).json()["by_day"]) == 1
    page = viewer.get("quota/charts/", params={"limit": 1}).json()
    assert ([one["billed"] for one in page["items"]], page["total"]) == ([10], 1)


@pytest.mark.parametrize("wrong", [{"days": 0}, {"days": 367}, {"days": "x"}, {"month": 1}])
def test_wrong_parameters(viewer: TestClient, conn: Connection, wrong: dict[str, Any]) -> None:
    for path in ("quota/", "quota/charts/"):
        answer = viewer.get(path, params=wrong)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == next(iter(wrong))
