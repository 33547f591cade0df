"""Checks and findings by REST, and a person's word on one."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient

from chartline.checks.registry import BY_NAME, CHECKS


@pytest.fixture
def finding(conn: psycopg.Connection[Any]) -> int:
    row = conn.execute(
        """insert into chartline.data_finding (kind, severity, subject, chart_slug, day, what, details)
           values ('turnover', 'warning', 'day 2026-11-01', 'day', '2026-11-01', 'day 2026-11-01: 9 of 10 are new.',
                   '{"arrived": 9}'),
                  ('total', 'error', 'day 2026-11-02', 'day', '2026-11-02', 'day 2026-11-02: 3 stored.', '{}')
           returning id"""
    ).fetchone()
    assert row
    return int(row[0])


def test_every_check_is_listed_with_what_to_do(viewer: TestClient, finding: int) -> None:
    told = viewer.get("checks/").json()
    assert [one["name"] for one in told] == [check.name for check in CHECKS]
    assert {one["name"]: one["open"] for one in told if one["open"]} == {"turnover": 1, "total": 1}
    assert all(one["meaning"] and one["advice"] for one in told)


def test_findings_are_listed_errors_first(viewer: TestClient, finding: int) -> None:
    told = viewer.get("findings/").json()
    assert [(one["check"], one["state"]) for one in told["items"]] == [("total", "open"), ("turnover", "open")]
    assert told["items"][1]["advice"] == BY_NAME["turnover"].advice
    assert told["items"][1]["facts"] == {"arrived": 9}
    assert viewer.get("findings/", params={"check": "turnover"}).json()["total"] == 1
    assert viewer.get("findings/", params={"chart": "week"}).json()["total"] == 0
    assert viewer.get("findings/", params={"state": "solved"}).json()["total"] == 0


def test_a_person_accepts_a_finding(
    viewer: TestClient, editor: TestClient, conn: psycopg.Connection[Any], finding: int
) -> None:
    assert viewer.post(f"findings/{finding}/accept/").status_code == 403
    told = editor.post(f"findings/{finding}/accept/").json()
    assert (told["state"], told["accepted_by"]) == ("accepted", "editor")
    assert editor.post(f"findings/{finding}/accept/").status_code == 404
    assert editor.post("findings/0/accept/").status_code == 422
    assert conn.execute("select who, action, subject from chartline.change_log").fetchall() == [
        ("editor", "finding.accept", "day 2026-11-01")
    ]
    assert [one["check"] for one in viewer.get("findings/").json()["items"]] == ["total"]
