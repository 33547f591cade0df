"""One judge: whoever tells of a condition (alerts, health, doctor, metrics, REST lists) says the same of it.

Each situation is set up once, and every teller is asked which conditions hold. A teller that does not tell of a
condition at all is left out for it: `TELLS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chartline.alerts import telling
from chartline.domain import dag_ids
from chartline.errors import ChartlineError, CredentialsRefused, NetworkTrouble, NotInPlan, QuotaSpent
from chartline.operating import doctor, health, metrics, quota, schedules
from chartline.operating.airflow import AirflowServer
from chartline.operating.conditions import account
from chartline.operating.conditions.account import Reached
from chartline.settings import Settings, settings
from chartline.soundcharts.account import ApiAccount
from chartline.warehouse.reads import account as rows
from chartline.warehouse.reads.charts import ChartFilter
from simulator.limits import Quota

REFUSED = 'credentials_refused: Soundcharts refused the credentials: song 1: spotify, status 401 ("Invalid key").'
SPENT = "quota_spent: Soundcharts says that the quota of the billing cycle is used up."

ALERT_OF = {"overdue": "overdue", "quarantined": "quarantine", "quota": "quota", "credentials": "credentials", "answers": "field_gone", "data": "data"}  # fmt: skip # noqa: E501
TELLS = {
    "alerts": {*ALERT_OF, "failing"},
    "health": {*ALERT_OF, "failing"},
    "doctor": {*ALERT_OF, "failing"},
    "metrics": {"overdue", "quarantined", "failing", "quota"},
    "lists": {"overdue", "quarantined", "quota"},
}


# -- the tellers: which conditions hold ----------------------------------------------------------------------------


def alerts(story: Any, api: ChartlineError | None) -> set[str]:
    telling.update(story.conn, Settings(), channels=[])
    rows = story.conn.execute("select kind, details ->> 'dag_id' from alert where state = 'open'").fetchall()
    kinds = {kind for kind, _ in rows}
    own = [dag for kind, dag in rows if kind == "failed_run" and dag.startswith(dag_ids.CHART_SYNC)]
    return {name for name, kind in ALERT_OF.items() if kind in kinds} | ({"failing"} if len(own) > 1 else set())


def checked(story: Any, api: ChartlineError | None) -> dict[str, Any]:
    found = health.check_all(lambda: story.conn, lambda conn: Reached(datetime.now(UTC), 1, api), settings(), story.now)
    return {check.name: check for check in found.checks}


def healthy(story: Any, api: ChartlineError | None) -> set[str]:
    return {name for name, check in checked(story, api).items() if check.status in ("warning", "error")}


def examined(story: Any, simulator: Any) -> dict[str, doctor.Line]:
    url = story.conn.info.dsn + f" password={story.conn.info.password}"
    account = ApiAccount(simulator.url, "soundcharts", "soundcharts")
    return {line.check: line for line in doctor.examine(lambda: url, lambda: account, AirflowServer("", None))}


def measured(story: Any, api: ChartlineError | None) -> set[str]:
    lines = metrics.text(story.conn, settings(), story.now)
    found = {name for name, value in re.findall(r'chartline_condition\{name="(\w+)"\} (\d+)', lines) if int(value)}
    states = {name for name, value in re.findall(r'chartline_schedules\{state="(\w+)"\} (\d+)', lines) if int(value)}
    streaks = [int(value) for value in re.findall(r"chartline_chart_failures\{\S+ (\d+)", lines)]
    assert ("failing" in found) == any(streak > 1 for streak in streaks)
    assert states & {"overdue", "quarantined"} == found & {"overdue", "quarantined"}
    return found


def listed(story: Any, api: ChartlineError | None) -> set[str]:
    lines, _ = schedules.find(story.conn, ChartFilter(followed=True), settings(), story.now)
    told = quota.overview(story.conn, story.now)
    assert (told.status in ("warning", "error")) == (told.forecast.enough is False)
    return {line.state for line in lines} | ({"quota"} if told.status in ("warning", "error") else set())


TELLERS: dict[str, Callable[[Any, Any], set[str]]] = {
    "alerts": alerts, "health": healthy, "metrics": measured, "lists": listed,
}  # fmt: skip


# -- the situations ------------------------------------------------------------------------------------------------


def well(story: Any) -> None:
    """A chart that is followed, with yesterday's ranking, a good run and enough quota."""
    story.follow("day")
    story.rank("day", story.ago(1), [1])
    story.run("day", started_at=story.now - timedelta(hours=9))
    story.call(story.now - timedelta(hours=9), left=1_000_000)


def ends(*statuses: str, error: str | None = "Failed: fetch_ranking.", **more: Any) -> Callable[[Any], None]:
    """The chart's runs after that ended so, an hour apart."""

    def run(story: Any) -> None:
        for hour, status in enumerate(statuses):
            of = {} if status in ("complete", "partial") else {"error": error}
            story.run("day", status, started_at=story.now - timedelta(hours=8 - hour), **of, **more)

    return run


def overdue(story: Any) -> None:
    story.conn.execute("delete from chart_ranking_entry; delete from chart_ranking; delete from chart_calendar")


def quarantined(story: Any) -> None:
    story.follow("week", sync_frequency="fortnightly")


def spent(days: int) -> Callable[[Any], None]:
    """Ten million calls on each of the last days: more than any rest of a month can be without."""

    def call(story: Any) -> None:
        story.conn.execute("delete from api_call")
        for back in range(1, days + 1):
            story.conn.execute(
                """insert into api_usage (day, chart, endpoint, regular, calls, billed, failed, bytes)
                   values (%s, 'day', 'song', true, 10000000, 10000000, 0, 0)""",
                [story.ago(back)],
            )
        story.call(story.now - timedelta(minutes=9), left=3)

    return call


def tells_429(story: Any) -> None:
    """The API says that the quota is spent, in an answer whose header still tells of calls."""
    story.call(story.now - timedelta(minutes=8), left=70)
    story.call(story.now - timedelta(minutes=5), status=429, left=70, error_kind="quota_spent")
    story.run("day", "failed", error=SPENT, started_at=story.now - timedelta(minutes=7))


def refused(story: Any) -> None:
    """Two runs that the account's credentials ended."""
    ends("failed", "failed", error=REFUSED)(story)


def probe_refused(story: Any) -> None:
    """What looking at health leaves behind: its own call, refused."""
    story.call(story.now - timedelta(minutes=1), "team_usage", status=401, error_kind="credentials_refused")


def field_gone(story: Any) -> None:
    story.conn.execute(
        """insert into answer_field
               (endpoint, path, parent, objects, came, recent, always, gone_since, first_seen_at, last_seen_at)
           values ('song', 'object.isrc', 'object', 900, 500, 0.1, true, now() - interval '1 hour', '2026-01-01',
                   now())"""
    )


def odd_data(story: Any) -> None:
    story.conn.execute(
        """insert into data_finding (kind, severity, subject, chart_slug, day, what)
           values ('total', 'error', 'day 2026-11-01', 'day', '2026-11-01', '3 entries stored, 4 expected.')"""
    )


def both(*parts: Callable[[Any], None]) -> Callable[[Any], None]:
    def run(story: Any) -> None:
        for part in parts:
            part(story)

    return run


def nothing(story: Any) -> None:
    """All is well."""


SITUATIONS: dict[str, tuple[Callable[[Any], None], set[str]]] = {
    "all is well": (nothing, set()),
    "its ranking is not here": (overdue, {"overdue"}),
    "a row that cannot be used": (quarantined, {"quarantined"}),
    "failed": (ends("failed"), set()),
    "failed, failed": (ends("failed", "failed"), {"failing"}),
    "failed, lost": (ends("failed", "lost"), {"failing"}),
    "failed, failed, partial": (ends("failed", "failed", "partial"), set()),
    "failed, failed, deferred": (ends("failed", "failed", "deferred"), {"failing"}),
    "deferred, deferred": (ends("deferred", "deferred"), set()),
    "only runs by hand failed": (ends("failed", "failed", dag_id=dag_ids.CHART_CASCADE, trigger="manual"), set()),
    "failed, failed, then one by hand went well": (
        both(ends("failed", "failed"), lambda story: story.run("day", dag_id=dag_ids.CHART_CASCADE, trigger="manual")),
        {"failing"},
    ),
    "ended as the chart was removed": (ends("failed", "failed", error="not_followed: It is followed no more."), set()),
    "the quota will not last": (spent(days=7), {"quota"}),
    "two days of calls tell of no need": (spent(days=2), set()),
    "the quota is spent": (tells_429, {"quota"}),
    "the credentials are refused": (refused, {"credentials"}),
    "they were, and a call went well since": (both(refused, lambda story: story.call(story.now)), set()),
    "a call without a run was refused": (probe_refused, {"credentials"}),
    "a field is gone": (field_gone, {"answers"}),
    "a check found something": (odd_data, {"data"}),
}


@pytest.mark.parametrize("teller", TELLERS)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_whoever_tells_says_the_same(story: Any, situation: str, teller: str) -> None:
    happens, holds = SITUATIONS[situation]
    well(story)
    happens(story)
    api: ChartlineError | None = CredentialsRefused("Refused.") if happens is probe_refused else None
    if "credentials" in holds and api is None:
        api = NetworkTrouble("No answer.")  # an API that is away takes nothing back
    assert TELLERS[teller](story, api) & TELLS[teller] == holds & TELLS[teller]


@pytest.mark.parametrize("situation", [name for name, (_, holds) in SITUATIONS.items() if "credentials" not in holds])
def test_the_doctor_says_it_too(story: Any, simulator: Any, situation: str) -> None:
    """It asks the API itself, by its free call: what that tells is newer than what the warehouse knows."""
    happens, holds = SITUATIONS[situation]
    simulator.service.quota = Quota({"the quota will not last": 3, "the quota is spent": 0}.get(situation, 1_000_000))
    well(story)
    happens(story)
    found = {name for name, line in examined(story, simulator).items() if line.state != doctor.OK}
    assert found & TELLS["doctor"] == holds


IN_WORDS = {
    "its ranking is not here": "overdue",
    "a row that cannot be used": "quarantined",
    "failed, failed": "failing",
    "the quota will not last": "quota",
    "the quota is spent": "quota",
    "a field is gone": "answers",
}


def without_numbers(text: str) -> str:
    """What is needed to the month's end changes from second to second."""
    return re.sub(r"[\d,]+", "#", text)


@pytest.mark.parametrize("situation", IN_WORDS)
def test_it_is_said_in_the_same_words(story: Any, simulator: Any, situation: str) -> None:
    name = IN_WORDS[situation]
    simulator.service.quota = Quota({"the quota will not last": 3, "the quota is spent": 0}.get(situation, 1_000_000))
    well(story)
    SITUATIONS[situation][0](story)
    alerts(story, None)
    kind = ALERT_OF.get(name, "failed_run")
    told = story.conn.execute("select advice, details from alert where kind = %s order by id desc", [kind]).fetchone()
    assert told
    advice, details = told
    check, line = checked(story, None)[name], examined(story, simulator)[name]
    assert check.advice == line.advice == advice
    assert without_numbers(line.what).startswith(without_numbers(check.detail))
    for subject in check.subjects:
        assert subject.detail in line.what
    lines, _ = schedules.find(story.conn, ChartFilter(followed=True), settings(), story.now)
    reasons = {one.slug: one.reason for one in lines if one.state == name}
    if name in ("overdue", "quarantined"):
        assert {subject.chart: subject.detail for subject in check.subjects} == reasons
        assert any(reasons[details["chart"]] in said for said in details["lines"])
    if name == "quota":
        page = quota.overview(story.conn, story.now)
        assert (page.status, page.advice) == (check.status, check.advice)
        assert without_numbers(page.detail) == without_numbers(check.detail)


def test_refused_credentials_are_said_in_the_same_words(story: Any) -> None:
    well(story)
    refused(story)
    alerts(story, None)
    [(title, advice, details)] = story.conn.execute(
        "select title, advice, details from alert where kind = 'credentials'"
    ).fetchall()
    check = checked(story, NetworkTrouble("No answer."))["credentials"]
    assert (check.advice, check.detail) == (advice, f"{title}: {details['error']}")


def test_a_look_at_the_api_is_newer_than_what_the_warehouse_knows(story: Any) -> None:
    """An account whose runs were refused, and that is accepted now."""
    well(story)
    refused(story)
    seen = rows.see(story.conn)
    assert account.credentials(Reached(story.now, 1, None), seen).status == "ok"
    assert account.credentials(Reached(story.now - timedelta(days=1), 1, None), seen).status == "error"
    assert account.credentials(Reached(story.now, 1, QuotaSpent("x")), seen).status == "ok"
    assert account.credentials(Reached(story.now, 1, NotInPlan("x")), seen).status == "warning"
    assert account.credentials(Reached(story.now, 1, NetworkTrouble("x")), None).status == "unknown"
