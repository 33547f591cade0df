"""Charts by REST: lists, rankings, days, cascades by hand."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from chartline.schedules import service
from chartline.soundcharts.models import RankingPage
from chartline.warehouse import rankings
from chartline.warehouse.connect import Connection

SCRIPT = '<script>alert("1")</script>'


def yesterday() -> date:
    return datetime.now(UTC).date() - timedelta(days=1)


def fields(answer: Any) -> set[str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return {error["field"] for error in answer.json().get("errors", [])}


def store(conn: Connection, slug: str, day: Any, tracks: list[int], name: str = "Track") -> None:
    row = conn.execute("select id from chart where slug = %s", [slug]).fetchone()
    assert row is not None
    items = [
        {
            "song": {"uuid": f"00000000-0000-0000-0000-{number:012}", "name": f"{name} {number}", "creditName": "A"},
            "position": place,
            "positionEvolution": 0,
            "oldPosition": 0,
            "entryState": "",
            "metric": 1,
            "entryDate": f"{day}T00:00:00+00:00",
            "rankDate": f"{day}T00:00:00+00:00",
            "timeOnChart": 1,
            "timeOnChartUnit": "DOC",
        }
        for place, number in enumerate(tracks, 1)
    ]
    chart = {"name": f"The {slug}", "slug": slug, "platform": "spotify", "frequency": "daily", "countryCode": "FR"}
    page = {
        "related": {"chart": chart, "date": f"{day}T12:00:00+00:00"},
        "items": items,
        "page": {"offset": 0, "limit": 100, "total": len(items)},
    }
    with conn.transaction():
        rankings.store(conn, row[0], [RankingPage.model_validate(page)], datetime.now(UTC))
        rankings.store_calendar(conn, row[0], [f"{day}T12:00:00+00:00"])


# -- reading


def test_the_catalogue_a_page_at_a_time(viewer: TestClient, conn: Connection) -> None:
    service.add(conn, "day")
    answer = viewer.get("charts/", params={"limit": 2, "sort": "slug"})
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert ([one["slug"] for one in page["items"]], page["total"], page["next_offset"]) == (["day", "month"], 3, 2)
    assert [one["state"] for one in page["items"]] == ["active", "not_followed"]
    narrowed = viewer.get("charts/", params={"state": "not_followed", "text": "wee", "country": "FR"}).json()
    assert [one["slug"] for one in narrowed["items"]] == ["week"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"offset": -1}, "offset"),
        ({"state": "odd"}, "state"),
        ({"sort": "colour"}, "sort"),
        ({"platfrom": "spotify"}, "platfrom"),
        ({"text": "a\0b"}, "text"),
    ],
)
def test_a_wrong_filter_is_named(viewer: TestClient, conn: Connection, wrong: dict[str, Any], field: str) -> None:
    answer = viewer.get("charts/", params=wrong)
    assert answer.status_code == 422, answer.text
    assert fields(answer) == {field}


@pytest.mark.parametrize("rest", ["", "estimate/", "status/", "rankings/latest/", "calendar/", "completeness/"])
def test_an_unknown_chart_is_not_found(viewer: TestClient, conn: Connection, rest: str) -> None:
    for key in ("nobody", "999999", "..%2f", "a" * 240, "%00"):
        answer = viewer.get(f"charts/{key}/{rest}")
        assert answer.status_code == 404, (key, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


def test_one_chart_by_slug_or_id(viewer: TestClient, conn: Connection) -> None:
    store(conn, "day", yesterday(), [1, 2])
    found = viewer.get("charts/day/").json()
    assert (found["tracks"], found["stored_last"], found["state"]) == (2, yesterday().isoformat(), "not_followed")
    assert viewer.get(f"charts/{found['id']}/").json()["slug"] == "day"


def test_a_ranking_of_a_day_or_the_latest(viewer: TestClient, conn: Connection) -> None:
    store(conn, "day", yesterday() - timedelta(days=1), [1, 2, 3])
    store(conn, "day", yesterday(), [2, 1, 4], SCRIPT)
    latest = viewer.get("charts/day/rankings/latest/").json()
    assert [(one["position"], one["move"]) for one in latest["items"]] == [(1, "up"), (2, "down"), (3, "new")]
    assert ([one["position"] for one in latest["left"]], latest["left_total"]) == ([3], 1)
    assert latest["items"][0]["name"] == f"{SCRIPT} 2"
    assert viewer.get(f"charts/day/rankings/{yesterday()}/").json() == latest
    page = viewer.get("charts/day/rankings/latest/", params={"limit": 1, "offset": 1}).json()
    assert ([one["position"] for one in page["items"]], page["next_offset"], page["left"]) == ([2], 2, [])


def test_a_day_that_is_not_stored_or_no_day(viewer: TestClient, conn: Connection) -> None:
    assert viewer.get("charts/day/rankings/latest/").status_code == 404
    answer = viewer.get(f"charts/day/rankings/{yesterday()}/")
    assert (answer.status_code, fields(answer)) == (404, {"day"})
    for no_day in ("2026-02-30", "20500"):
        wrong = viewer.get(f"charts/day/rankings/{no_day}/")
        assert wrong.status_code == 422
        assert any("day" in field for field in fields(wrong))


def test_a_year_of_days(viewer: TestClient, conn: Connection) -> None:
    store(conn, "day", yesterday(), [1])
    found = viewer.get("charts/day/calendar/").json()
    assert found["year"] == yesterday().year
    assert found["days"] == [{"day": yesterday().isoformat(), "state": "stored", "entries": 1, "total": 1}]
    assert viewer.get("charts/day/calendar/", params={"year": 2020}).json()["days"] == []
    assert viewer.get("charts/day/calendar/", params={"year": 99999}).status_code == 422
    whole = viewer.get("charts/day/completeness/").json()
    assert (whole["completeness"], whole["counts"]["stored"], whole["followed"]) == (1, 1, False)


def test_the_status_of_a_chart_that_runs(viewer: TestClient, conn: Connection) -> None:
    assert viewer.get("charts/day/status/").json()["progress"] is None
    conn.execute(
        """insert into chart_sync_execution (chart_slug, dag_id, run_id, settings)
           values ('day', 'chartline.chart_cascade', 'manual__1', %s)""",
        [json.dumps({"chart": "day", "steps": ["track_metadata"]})],
    )
    found = viewer.get("charts/day/status/").json()
    assert (found["running"], found["run_id"], found["progress"]["percent"]) == (True, "manual__1", 0)
    assert [step["step"] for step in found["progress"]["steps"]] == ["ranking", "track_metadata"]


def test_the_facets_of_the_catalogue(viewer: TestClient, conn: Connection) -> None:
    found = viewer.get("charts/facets/").json()
    assert [(one["value"], one["charts"]) for one in found["platforms"]] == [("spotify", 3)]
    assert [one["value"] for one in found["frequencies"]] == ["daily", "monthly", "weekly"]


# -- what it would cost


def test_what_following_would_cost(viewer: TestClient, conn: Connection) -> None:
    store(conn, "day", yesterday(), [1, 2])
    plain = viewer.get("charts/day/estimate/")
    assert plain.status_code == 200, plain.text
    less = viewer.get(
        "charts/day/estimate/", params={"fetch_artist_audience": "false", "track_platforms": ["spotify", "youtube"]}
    ).json()
    assert less["settings"]["track_platforms"] == ["spotify", "youtube"]
    assert not [kind for kind in less["estimate"]["calls"] if kind.startswith("artist_audience")]
    assert less["estimate"]["total"]["high"] < plain.json()["estimate"]["total"]["high"]
    more = viewer.get("charts/day/estimate/", params={"sync_historical_data": True, "history_days": 90}).json()
    assert more["estimate"]["total"]["high"] > plain.json()["estimate"]["total"]["high"]
    assert conn.execute("select from api_call").fetchone() is None


def test_a_followed_chart_is_estimated_as_it_would_become(viewer: TestClient, conn: Connection) -> None:
    service.add(conn, "day", {"track_platforms": ["spotify"]})
    found = viewer.get("charts/day/estimate/", params={"cron": "5 4 * * *"}).json()
    assert (found["followed"], found["settings"]["sync_frequency"]) == (True, "custom")
    assert found["settings"]["track_platforms"] == ["spotify"]


@pytest.mark.parametrize("followed", [False, True])
def test_no_platform_is_not_the_usual_ones(viewer: TestClient, conn: Connection, followed: bool) -> None:
    store(conn, "day", yesterday(), [1, 2])
    if followed:
        service.add(conn, "day")
    usual = viewer.get("charts/day/estimate/").json()
    assert {"track_audience spotify", "track_airplay"} <= set(usual["estimate"]["calls"])
    none = viewer.get("charts/day/estimate/", params={"track_platforms": "", "artist_platforms": ""}).json()
    assert (none["settings"]["track_platforms"], none["settings"]["artist_platforms"]) == ([], [])
    assert {"track_metadata"} <= set(none["estimate"]["calls"]) <= {"ranking", "track_metadata", "artist_metadata"}


def test_a_closer_look_is_at_the_same_schedule(viewer: TestClient, editor: TestClient, conn: Connection) -> None:
    service.add(conn, "day", {"history_days": 40, "sync_historical_data": True, "track_platforms": []})
    conn.execute("update chart_sync_schedule set created_at = created_at - interval '90 days'")
    told = viewer.get("charts/day/estimate/", params={"sync_frequency": "weekly"}).json()
    closer = editor.post("sync/schedules/estimate/", json={"chart": "day", "sync_frequency": "weekly"})
    assert closer.status_code == 200, closer.text
    assert closer.json() | {"followed": True} == told


def test_only_a_past_that_is_asked_for_anew_would_wait(viewer: TestClient, conn: Connection) -> None:
    conn.execute("insert into api_call (at, endpoint, status, ms, quota_left) values (now(), 'ranking', 200, 5, 100)")
    past = {"sync_historical_data": True, "history_days": 300}
    assert viewer.get("charts/day/estimate/", params=past).json()["needs_approval"] is True
    assert viewer.get("charts/day/estimate/").json()["needs_approval"] is False
    service.add(conn, "day", past)
    assert viewer.get("charts/day/estimate/").json()["needs_approval"] is False
    assert viewer.get("charts/day/estimate/", params={"history_days": 301}).json()["needs_approval"] is True


@pytest.mark.parametrize("country", ["FR", ""])
def test_worldwide_is_a_country_to_ask_for(viewer: TestClient, conn: Connection, country: str) -> None:
    conn.execute("update chart set country_code = '' where slug = 'week'")
    found = viewer.get("charts/", params={"country": country, "sort": "slug"}).json()["items"]
    assert [one["slug"] for one in found] == (["day", "month"] if country else ["week"])
    service.add(conn, "week")
    followed = viewer.get("sync/schedules/", params={"country": country}).json()["items"]
    assert [one["slug"] for one in followed] == ([] if country else ["week"])


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"history_days": 0}, "history_days"),
        ({"history_days": "many"}, "history_days"),
        ({"sync_frequency": "hourly"}, "sync_frequency"),
        ({"sync_frequency": "custom"}, "sync_frequency"),
        ({"track_platforms": "nowhere"}, "track_platforms"),
        ({"track_platforms": ["", "spotify"]}, "track_platforms"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_settings_are_named(viewer: TestClient, conn: Connection, wrong: dict[str, Any], field: str) -> None:
    answer = viewer.get("charts/day/estimate/", params=wrong)
    assert (answer.status_code, fields(answer)) == (422, {field})


# -- starting runs


def test_a_chart_that_nobody_follows_runs_on_demand(editor: TestClient, conn: Connection, airflow: Any) -> None:
    airflow.dags["chartline.chart_cascade"] = False
    store(conn, "day", yesterday(), [1, 2])
    answer = editor.post("charts/day/trigger-cascade/")
    assert answer.status_code == 202, answer.text
    found = answer.json()
    assert (found["success"], found["dag_id"], found["run_id"], found["tracks_count"]) == (
        True,
        "chartline.chart_cascade",
        "manual__1",
        2,
    )
    assert "day" in found["message"]
    assert [body["conf"] for body in airflow.triggered] == [{"chart": "day"}]
    assert airflow.logins == {"Bearer editor"}
    assert conn.execute("select who, action, subject from change_log").fetchall() == [("editor", "run.trigger", "day")]


def test_a_followed_chart_runs_by_its_own_dag(editor: TestClient, conn: Connection, airflow: Any) -> None:
    service.add(conn, "day")
    airflow.dags |= {"chartline.chart_cascade": False, "chartline.chart_sync.day": False}
    assert (
        editor.post("charts/day/trigger-cascade/", json={"force": True}).json()["dag_id"] == "chartline.chart_sync.day"
    )
    assert airflow.triggered[0]["conf"] == {"force": True}


@pytest.mark.parametrize("why", ["steps", "paused", "not read yet", "quarantined"])
def test_or_on_demand_where_its_own_cannot(editor: TestClient, conn: Connection, airflow: Any, why: str) -> None:
    service.add(conn, "day")
    airflow.dags["chartline.chart_cascade"] = False
    if why != "not read yet":
        airflow.dags["chartline.chart_sync.day"] = why == "paused"
    if why == "quarantined":
        conn.execute("update chart_sync_schedule set sync_frequency = 'never'")
    body = {"steps": ["track_metadata"], "day": yesterday().isoformat()} if why == "steps" else {}
    answer = editor.post("charts/day/trigger-cascade/", json=body)
    assert answer.status_code == 202, answer.text
    assert answer.json()["dag_id"] == "chartline.chart_cascade"
    assert airflow.triggered[0]["conf"] == {"chart": "day"} | body


@pytest.mark.parametrize("dag", ["chartline.chart_sync.day", "chartline.chart_cascade"])
def test_one_at_a_time(editor: TestClient, conn: Connection, airflow: Any, dag: str) -> None:
    service.add(conn, "day")
    airflow.dags |= {"chartline.chart_cascade": False, "chartline.chart_sync.day": False}
    conf = {"chart": "day"} if dag == "chartline.chart_cascade" else {}
    airflow.runs[dag] = [{"dag_run_id": "manual__0", "state": "running", "conf": conf}]
    for body in ({}, {"steps": ["track_metadata"]}):
        answer = editor.post("charts/day/trigger-cascade/", json=body)
        assert answer.status_code == 409, answer.text
        assert answer.json()["run"] == {"chart": "day", "dag_id": dag, "run_id": "manual__0", "state": "running"}
    assert airflow.triggered == []
    assert conn.execute("select count(*) from change_log where action = 'run.trigger'").fetchone() == (0,)


def test_the_run_of_another_chart_is_no_hindrance(editor: TestClient, conn: Connection, airflow: Any) -> None:
    airflow.dags["chartline.chart_cascade"] = False
    airflow.runs["chartline.chart_cascade"] = [
        {"dag_run_id": "manual__0", "state": "running", "conf": {"chart": "week"}},
        {"dag_run_id": "manual__1", "state": "success", "conf": {"chart": "day"}},
        {"dag_run_id": "manual__2", "state": "running", "conf": {"chart": "day", "dry_run": True}},
    ]
    assert editor.post("charts/day/trigger-cascade/").status_code == 202


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"day": "yesterday"}, "day"),
        ({"day": (datetime.now(UTC).date() + timedelta(days=9)).isoformat()}, "day"),
        ({"days": []}, "days"),
        ({"steps": ["dance"]}, "steps.0"),
        ({"track_platforms": ["nowhere"]}, "track_platforms"),
        ({"audience_days": 0}, "audience_days"),
        ({"force": "yes"}, "force"),
        ({"chart": "other"}, "chart"),
        ({"day": yesterday().isoformat(), "days": [yesterday().isoformat()]}, "days"),
    ],
)
def test_a_wrong_config_is_named(editor: TestClient, conn: Connection, airflow: Any, body: Any, field: str) -> None:
    answer = editor.post("charts/day/trigger-cascade/", json=body)
    assert (answer.status_code, fields(answer)) == (422, {field}), answer.text
    assert airflow.triggered == []


def test_airflows_refusal_is_told_and_leaves_no_trace(editor: TestClient, conn: Connection, airflow: Any) -> None:
    airflow.refuses = 403
    assert editor.post("charts/day/trigger-cascade/").status_code == 403
    assert conn.execute("select from change_log").fetchone() is None


def test_an_unknown_chart_cannot_be_started_nor_healed(editor: TestClient, conn: Connection, airflow: Any) -> None:
    assert editor.post("charts/nobody/trigger-cascade/").status_code == 404
    assert editor.post("charts/nobody/heal/").status_code == 404
    assert editor.post("charts/day/heal/").status_code == 404, "not followed"
    assert airflow.triggered == []


def test_healing_is_the_gap_audits(editor: TestClient, conn: Connection, airflow: Any) -> None:
    service.add(conn, "day")
    airflow.dags["chartline.gap_audit"] = False
    assert editor.post("charts/day/heal/").json()["dag_id"] == "chartline.gap_audit"
    assert airflow.triggered[0]["conf"] == {"chart": "day", "heal": True}
    again = editor.post("charts/day/heal/")
    assert (again.status_code, again.json()["run"]["run_id"]) == (409, "manual__1")


@pytest.mark.parametrize(
    ("dags", "kind"),
    [({}, "not_read_yet"), ({"chartline.gap_audit": True, "chartline.chart_cascade": True}, "dag_paused")],
)
def test_a_run_that_would_only_wait_is_not_started(
    editor: TestClient, conn: Connection, airflow: Any, dags: dict[str, bool], kind: str
) -> None:
    service.add(conn, "day")
    airflow.dags = dags
    for path in ("charts/week/trigger-cascade/", "charts/day/heal/"):
        answer = editor.post(path)
        assert (answer.status_code, answer.json()["kind"]) == (409, kind), path
    assert airflow.triggered == []


def test_a_viewer_starts_nothing(viewer: TestClient, conn: Connection, airflow: Any) -> None:
    for path in ("charts/day/trigger-cascade/", "charts/day/heal/"):
        assert viewer.post(path).status_code == 403
    assert airflow.asked == []
