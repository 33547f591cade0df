"""REST in a real Airflow, by real logins: who may, a schedule's whole life, and a run that is started and followed."""

from __future__ import annotations

from typing import Any

import requests
from tests.e2e.conftest import Chartline, until

CHART = "demo-france-daily"


class Caller:
    """A person with a token of Airflow's own login, below /chartline/api/."""

    def __init__(self, chartline: Chartline, user: str | None) -> None:
        self._web = f"{chartline.stack.airflow.web}/chartline/api/"
        self._http = requests.Session()
        self._http.trust_env = False
        if user:
            self._http.headers["Authorization"] = f"Bearer {chartline.stack.airflow.token(user)}"

    def __call__(self, method: str, path: str, **more: Any) -> requests.Response:
        return self._http.request(method, self._web + path, timeout=60, **more)


def test_who_may(chartline: Chartline) -> None:
    anonymous, viewer, admin = (Caller(chartline, user) for user in (None, "viewer", "admin"))
    asks = [
        ("GET", "sync/schedules/", None, (401, 200, 200)),
        ("GET", "changes/", None, (401, 200, 200)),
        ("GET", "openapi.json", None, (401, 200, 200)),
        ("POST", "sync/schedules/", {"chart": CHART, "is_active": False}, (401, 403, 201)),
        ("PATCH", f"sync/schedules/{CHART}/", {"history_days": 30}, (401, 403, 200)),
        ("POST", "sync/trigger/", {"chart": "nowhere"}, (401, 403, 404)),
        ("DELETE", f"sync/schedules/{CHART}/", None, (401, 403, 204)),
    ]
    for method, path, body, expected in asks:
        told = tuple(caller(method, path, json=body).status_code for caller in (anonymous, viewer, admin))
        assert told == expected, (method, path)
    cookie = {"_token": chartline.stack.airflow.token("admin")}
    assert anonymous("GET", "sync/schedules/", cookies=cookie).status_code == 200
    assert anonymous("POST", "sync/schedules/", json={"chart": CHART}, cookies=cookie).status_code == 403
    headers = {"X-Chartline": "1", "Origin": chartline.stack.airflow.web}
    body = {"chart": CHART, "is_active": False}
    assert anonymous("POST", "sync/schedules/", json=body, cookies=cookie, headers=headers).status_code == 201


def test_the_life_of_a_schedule(chartline: Chartline) -> None:
    admin = Caller(chartline, "admin")
    made = admin("POST", "sync/schedules/", json={"chart": CHART, "is_active": False})
    assert made.status_code == 201, made.text
    until("the chart's DAG", lambda: CHART in chartline.chart_dags())

    started = admin("POST", "sync/trigger/", json={"chart": CHART})
    assert started.status_code == 202, started.text
    run = started.json()
    again = admin("POST", "sync/trigger/", json={"chart": CHART})
    assert (again.status_code, again.json().get("run", {}).get("run_id")) == (409, run["run_id"])
    row = chartline.succeed(run["dag_id"], run["run_id"])
    assert row["status"] in ("complete", "partial")

    status = admin("GET", f"sync/status/{CHART}/").json()
    assert status["last_execution"]["run_id"] == run["run_id"]
    assert status["progress"]["percent"] == 100
    found = admin("GET", f"sync/schedules/{CHART}/").json()
    assert (found["success_rate"], found["statistics"]["runs"]) == (1.0, 1)

    assert admin("DELETE", f"sync/schedules/{CHART}/").status_code == 204
    done = [(one["who"], one["action"]) for one in admin("GET", f"changes/?subject={CHART}").json()["items"]]
    assert done == [("admin", "schedule.remove"), ("admin", "run.trigger"), ("admin", "schedule.add")]
    airflows = chartline.stack.airflow.api("GET", f"dags/{run['dag_id']}/dagRuns/{run['run_id']}")
    assert airflows["triggering_user_name"] == "admin"
