"""Alerts by REST: lists, deliveries, and the test of every channel."""

from __future__ import annotations

from typing import Any

import pytest

from chartline.alerts import telling
from chartline.settings import Settings
from chartline_airflow.web.api import alerts as routes

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def told(conn: Any) -> None:
    """Two alerts, one of them solved."""
    telling.run_failed(conn, Settings(), "housekeeping", "r1", SCRIPT, channels=[])
    telling.run_succeeded(conn, "housekeeping", channels=[])
    telling.run_failed(conn, Settings(), "chartline.gap_audit", "r1", SCRIPT, channels=[])


def test_open_ones_come_first_and_lists_are_paged(viewer: Any, told: None) -> None:
    found = viewer.get("alerts/").json()
    assert [(one["subject"], one["state"]) for one in found["items"]] == [
        ("chartline.gap_audit", "open"),
        ("housekeeping", "solved"),
    ]
    assert found["total"] == 2
    assert found["items"][0]["advice"]
    part = viewer.get("alerts/", params={"limit": 1}).json()
    assert (len(part["items"]), part["next_offset"]) == (1, 1)
    assert [one["subject"] for one in viewer.get("alerts/?state=solved").json()["items"]] == ["housekeeping"]
    assert viewer.get("alerts/?kind=quota").json()["total"] == 0


def test_text_stays_data(viewer: Any, told: None) -> None:
    answer = viewer.get("alerts/")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["items"][0]["details"]["error"] == SCRIPT


@pytest.mark.parametrize("wrong", ["state=maybe", "kind=x", "limit=0", "offset=-1", "nothing=1"])
def test_wrong_parameters_are_named(viewer: Any, wrong: str) -> None:
    answer = viewer.get(f"alerts/?{wrong}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == wrong.partition("=")[0]


def test_who_may(anonymous: Any, viewer: Any, editor: Any, conn: Any) -> None:
    assert [who.get("alerts/").status_code for who in (anonymous, viewer, editor)] == [401, 200, 200]
    assert [who.get("alerts/deliveries/").status_code for who in (anonymous, viewer, editor)] == [401, 200, 200]
    assert [who.post("alerts/test/").status_code for who in (anonymous, viewer, editor)] == [401, 403, 200]


def test_a_test_goes_to_every_channel_and_is_logged(
    viewer: Any, editor: Any, conn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Settings(alert_webhooks="missing_one,missing_two")
    monkeypatch.setattr(routes, "settings", lambda: given)
    outcomes = editor.post("alerts/test/").json()
    assert [(one["channel"], one["ok"]) for one in outcomes] == [("missing_one", False), ("missing_two", False)]
    assert "missing_one" in outcomes[0]["error"]
    log = viewer.get("alerts/deliveries/").json()
    assert [(one["channel"], one["event"], one["alert_id"]) for one in log["items"]] == [
        ("missing_two", "test", None),
        ("missing_one", "test", None),
    ]
    assert viewer.get("alerts/deliveries/?alert=7").json()["total"] == 0


def test_without_channels_a_test_says_so(editor: Any, conn: Any) -> None:
    assert editor.post("alerts/test/").json() == []
