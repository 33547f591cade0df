"""What keeps an installation from working, looked for one thing after the other. Nothing here is billed or changed."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import metadata
from typing import Any, Literal

import psycopg
import requests
from packaging.requirements import InvalidRequirement, Requirement

from chartline import places, proxies
from chartline.errors import ChartlineError
from chartline.operating import airflow_work
from chartline.operating.airflow import SECONDS, TROUBLES, AirflowServer
from chartline.operating.airflow_work import ParseWatch
from chartline.operating.conditions import account, answers, followed, quota, stored
from chartline.operating.conditions.account import Reached
from chartline.operating.conditions.verdict import Status, Verdict
from chartline.sessions import Session
from chartline.settings import Settings, settings
from chartline.soundcharts.account import CONNECTION, ENVIRONMENT, ApiAccount
from chartline.soundcharts.client import SoundchartsClient
from chartline.soundcharts.limiter import NoLimiter
from chartline.warehouse import privileges, schema
from chartline.warehouse.connect import Connection, connect, is_pooled
from chartline.warehouse.reads import account as rows
from chartline.warehouse.reads.account import AccountStanding

State = Literal["ok", "warning", "problem"]
OK: State = "ok"
WARNING: State = "warning"
PROBLEM: State = "problem"
STATES: dict[Status, State] = {"ok": OK, "warning": WARNING, "error": PROBLEM, "unknown": WARNING}

POSTGRES = 15
"""The first version with `nulls not distinct`."""
PYTHON = ((3, 11), (3, 14))
LATE, WRONG = 5.0, 60.0
"""Seconds that clocks may differ: above the first a warning, above the second a problem."""
REQUIREMENTS = places.REPOSITORY / "requirements.txt"


@dataclass(frozen=True)
class Line:
    """One thing that was looked at: how it is, and what to do where it is not well."""

    check: str
    state: State
    what: str
    advice: str = ""


def examine(
    warehouse_url: Callable[[], str], account: Callable[[], ApiAccount], airflow: AirflowServer
) -> Iterator[Line]:
    """All checks, a line or more each, as they are done. The callables may raise named errors: these are lines too."""
    yield from _versions()
    given, line = _settings()
    yield line
    with ExitStack() as open_:
        conn, line = _connect(warehouse_url, open_)
        yield line
        if conn is not None:
            yield from _warehouse(conn)
        usable = conn is not None and schema.current(conn) == schema.head()
        if conn is not None and usable:
            now = datetime.now(UTC)
            yield from map(_line, followed.verdicts(followed.judge(conn, given, now)))
            yield _line(answers.judge(conn, now))
            yield _line(stored.judge(conn))
        if not os.environ.get(ENVIRONMENT) and _has_connection(airflow):
            yield Line(
                "connection", WARNING, "It is one of Airflow's own, which only tasks can read.",
                "Press Test in Admin > Connections, or set AIRFLOW_CONN_SOUNDCHARTS for the command line too.",
            )  # fmt: skip
        else:
            yield from _source(account, given, conn if usable else None)
    yield from _proxies(account, airflow)
    yield from _airflow(airflow, given)
    yield from _dag_files()
    told = given.alert_webhooks.strip() or given.alert_notifiers.strip()
    yield (
        Line("alerts", OK, "Channels are set.")
        if told
        else Line(
            "alerts", WARNING, "Alerts are sent to nobody.",
            "Set CHARTLINE_ALERT_WEBHOOKS or CHARTLINE_ALERT_NOTIFIERS: docs/howto/alerts.md.",
        )
    )  # fmt: skip


def _settings() -> tuple[Settings, Line]:
    try:
        return settings(), Line("settings", OK, "Every CHARTLINE_ variable is as it should be.")
    except ChartlineError as wrong:
        return Settings.model_construct(), _problem("settings", wrong)


def _versions() -> Iterator[Line]:
    version = sys.version_info[:2]
    good = PYTHON[0] <= version <= PYTHON[1]
    yield Line(
        "python", OK if good else PROBLEM, f"Python {platform.python_version()}.",
        "" if good else f"Use {PYTHON[0][0]}.{PYTHON[0][1]} to {PYTHON[1][0]}.{PYTHON[1][1]}.",
    )  # fmt: skip
    if places.INSTALLED:
        airflow = metadata.version("apache-airflow-core")
        yield Line("packages", OK, f"Installed as a package, beside Airflow {airflow}: pip check compares versions.")
        return
    differing = _differing()
    if differing is None:
        yield Line("packages", WARNING, f"{REQUIREMENTS} names no version, so none was compared.")
    elif differing:
        shown = ", ".join(differing[:5]) + (f" and {len(differing) - 5} more" if len(differing) > 5 else "")
        yield Line(
            "packages", WARNING, f"Installed otherwise than locked: {shown}.",
            "Install what was tested together: pip install --require-hashes -r requirements.txt",
        )  # fmt: skip
    else:
        yield Line("packages", OK, f"As locked; Airflow {metadata.version('apache-airflow-core')}.")


def _differing() -> list[str] | None:
    """Packages that are not as locked, as `name found (locked)`; None when there is nothing to compare with."""
    if not REQUIREMENTS.exists():
        return None
    lines, compared = [], 0
    for line in REQUIREMENTS.read_text().splitlines():
        try:
            wanted = Requirement(line.split(" #")[0].rstrip(" \\"))  # its hashes are on the lines after it
        except InvalidRequirement:
            continue  # a comment, a hash
        compared += 1
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        try:
            version = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            version = "missing"
        if version == "missing" or not wanted.specifier.contains(version, prereleases=True):
            lines.append(f"{wanted.name} {version} ({wanted.specifier})")
    return lines if compared else None


def _connect(url: Callable[[], str], open_: ExitStack) -> tuple[Connection | None, Line]:
    try:
        conn = open_.enter_context(connect(url()))
    except ChartlineError as trouble:
        return None, _problem("warehouse", trouble)
    conn.autocommit = True
    major = conn.info.server_version // 10000
    way = ", through a connection pooler" if is_pooled(conn) else ""
    there = f"{conn.info.host}:{conn.info.port}/{conn.info.dbname}"
    place = f"PostgreSQL {major} answers at {there}, as {conn.info.user}{way}."
    if major < POSTGRES:
        return conn, Line("warehouse", PROBLEM, place, f"Use PostgreSQL {POSTGRES} or later.")
    return conn, Line("warehouse", OK, place)


def _warehouse(conn: Connection) -> Iterator[Line]:
    try:
        schema.check(conn)
        yield Line("schema", OK, f"At {schema.head()}, as this code needs.")
    except ChartlineError as wrong:
        yield _problem("schema", wrong)
    except psycopg.Error as refused:
        yield Line("schema", PROBLEM, f"It cannot be read: {_first(refused)}.", "See the permissions.")
    try:
        missing = privileges.lacking(conn) if schema.current(conn) else []
    except psycopg.Error as refused:
        missing = [_first(refused)]
    if missing:
        shown = "; ".join(missing[:5]) + (f"; and {len(missing) - 5} more" if len(missing) > 5 else "")
        yield Line(
            "permissions", PROBLEM, f"{conn.info.user} lacks: {shown}.",
            "Connect as the owner of the schema (the user that ran chartline migrate), or make this user a member of "
            "that role: grant <owner> to <user>.",
        )  # fmt: skip
    else:
        yield Line("permissions", OK, f"{conn.info.user} may do all that is needed.")
    yield _clock("warehouse clock", privileges.clock(conn), "the warehouse's host")


def _source(configured: Callable[[], ApiAccount], given: Settings, conn: Connection | None) -> Iterator[Line]:
    try:
        own = configured()
    except ChartlineError as wrong:
        yield _problem("connection", wrong)
        return
    yield Line("connection", OK, f"soundcharts leads to {own.base_url}, with {own.auth}.")
    dates: list[datetime] = []
    quick = given.model_copy(update={"call_retries": 1})
    reached = account.reach(
        lambda: SoundchartsClient(own, limiter=NoLimiter(), session_factory=lambda: _dating(dates), settings=quick)
    )
    seen = rows.see(conn) if conn else None
    yield _line(account.api(reached))
    yield _line(account.credentials(reached, seen))
    yield _line(_quota(reached, seen, conn))
    if dates:
        yield _clock("API clock", dates[-1], "this machine (Soundcharts' is right)")


def _quota(reached: Reached, seen: AccountStanding | None, conn: Connection | None) -> Verdict:
    """What the API has just said is newer than what the warehouse knows."""
    if seen is not None and reached.left is not None:
        seen = replace(seen, left=reached.left, left_at=reached.at)
    left = seen.left if seen else reached.left
    return quota.verdict(left, quota.forecast(conn, seen, reached.at) if conn and seen else None)


def _line(verdict: Verdict) -> Line:
    """What is to be said of a condition, with the first of the charts that it is about."""
    charts = airflow_work.listed([f"{one.chart}: {one.detail}" for one in verdict.subjects])
    return Line(
        verdict.name,
        STATES[verdict.status],
        f"{verdict.what} {charts}".strip(),
        verdict.advice,
    )


def _dating(dates: list[datetime]) -> requests.Session:
    """A session that notes the time that each answer says it has."""
    session = Session()

    def note(answer: requests.Response, *_: Any, **__: Any) -> None:
        try:
            dates.append(parsedate_to_datetime(answer.headers["Date"]))
        except (KeyError, ValueError):
            return  # it does not say

    session.hooks["response"].append(note)
    return session


def _clock(check: str, theirs: datetime, whose: str) -> Line:
    apart = (theirs - datetime.now(UTC)).total_seconds()
    words = f"{abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} this machine's"
    if abs(apart) <= LATE:
        return Line(check, OK, "The same as this machine's.")
    state: State = WARNING if abs(apart) <= WRONG else PROBLEM
    return Line(check, state, f"It is {words}.", f"Keep the time of {whose} by NTP: leases and limits go by it.")


def _has_connection(airflow: AirflowServer) -> bool:
    """Whether Airflow keeps the connection itself; False where that cannot be told."""
    if not airflow.can_be_asked:
        return False
    try:
        airflow.ask("GET", f"connections/{CONNECTION}")
    except TROUBLES:
        return False
    return True


def _proxies(account: Callable[[], ApiAccount], airflow: AirflowServer) -> Iterator[Line]:
    """Who stands between this process and those that it asks. This machine is never asked of a proxy."""
    lines = []
    web = os.environ.get("AIRFLOW__CORE__EXECUTION_API_SERVER_URL") or airflow.url
    if web and (proxy := proxies.between(web)):
        lines.append(
            Line(
                "proxy",
                PROBLEM,
                f"Tasks would ask Airflow's web server, {web}, through {proxy}: then none can start.",
                "Add its host to no_proxy and NO_PROXY, the same in both, for every process of Airflow.",
            )
        )
    try:
        source = account().base_url
    except ChartlineError:
        source = ""  # told as `connection`
    if source and (proxy := proxies.between(source)):
        lines.append(
            Line(
                "proxy",
                WARNING,
                f"Calls to {source} go through {proxy}.",
                "Where they fail, look there, or take the host out with no_proxy and NO_PROXY, the same in both.",
            )
        )
    yield from lines or [Line("proxy", OK, "None stands between.")]


def _airflow(airflow: AirflowServer, given: Settings) -> Iterator[Line]:
    if not airflow.url:
        yield Line(
            "airflow", WARNING, "AIRFLOW__API__BASE_URL is not set, so neither Airflow nor its pools were looked at.",
            "Use bin/chartline after bin/up, or set it.",
        )  # fmt: skip
        return
    try:
        yield _components(airflow)
        yield _pools(airflow, given)
        if airflow.can_be_asked:
            yield from _work(airflow, ParseWatch())
    except TROUBLES as trouble:
        yield Line(
            "airflow", PROBLEM, f"{airflow.url} gives no usable answer ({type(trouble).__name__}).",
            "Start it (bin/up), or set AIRFLOW__API__BASE_URL to where it is.",
        )  # fmt: skip


def _components(airflow: AirflowServer) -> Line:
    with airflow.session() as http:
        answer = http.get(f"{airflow.url}/api/v2/monitor/health", timeout=SECONDS)
    answer.raise_for_status()
    sick = [name for name, part in answer.json().items() if part and part.get("status") not in ("healthy", None)]
    if sick:
        return Line("airflow", PROBLEM, f"Not healthy: {', '.join(sick)}.", "Restart it, and see its log.")
    return Line("airflow", OK, f"All parts are healthy at {airflow.url}.")


def _pools(airflow: AirflowServer, given: Settings) -> Line:
    if not airflow.can_be_asked:
        return Line(
            "pools", WARNING, "No login of Airflow is known here, so they were not looked at.",
            "See in Admin > Pools that chartline_rankings and chartline_fetch exist: without them tasks wait forever.",
        )  # fmt: skip
    slots = {pool["name"]: int(pool["slots"]) for pool in airflow.ask("GET", "pools?limit=100")["pools"]}
    wanted = {"chartline_rankings": given.pool_rankings, "chartline_fetch": given.pool_fetch}
    if missing := [name for name in wanted if not slots.get(name)]:
        return Line(
            "pools", PROBLEM, f"Missing, or without a slot: {', '.join(missing)}. Their tasks wait forever.",
            "Make them under Admin > Pools, or start bin/up again.",
        )  # fmt: skip
    told = ", ".join(f"{name} {slots[name]}" for name in wanted)
    if any(slots[name] != number for name, number in wanted.items()):
        return Line("pools", OK, f"Slots: {told} (the settings say {', '.join(map(str, wanted.values()))}).")
    return Line("pools", OK, f"Slots: {told}.")


def _work(airflow: AirflowServer, watch: ParseWatch) -> Iterator[Line]:
    seen = airflow_work.see(airflow.ask, datetime.now(UTC))
    if seen.waiting:
        told = airflow_work.listed([f"{run.dag_id} {run.text}" for run in seen.waiting])
        yield Line("runs", WARNING, f"Its logical date is in the future: {told}.", airflow_work.WAITING_ADVICE)
    else:
        yield Line("runs", OK, "None waits for a logical date in the future.")
    while not (again := watch.saw(seen.parsed_at, datetime.now(UTC))) and watch.suspects:
        time.sleep(airflow_work.APART)
        seen = airflow_work.see(airflow.ask, datetime.now(UTC))
    if again:
        what = "Airflow parses the charts' DAG file again and again."
        yield Line("parsing", WARNING, what, airflow_work.PARSED_ADVICE)
    else:
        yield Line("parsing", OK, "The charts' DAG file is parsed now and then.")


def _dag_files() -> Iterator[Line]:
    folder = places.dags_folder()
    if not folder.is_dir():
        return  # on a host without Airflow
    if late := airflow_work.ahead(folder, datetime.now(UTC)):
        what = f"Their time lies ahead of the clock: {airflow_work.listed(late)}."
        yield Line("dag files", WARNING, what, airflow_work.AHEAD_ADVICE)
    else:
        yield Line("dag files", OK, "None is of the future.")


def _problem(check: str, error: ChartlineError) -> Line:
    advice = "Check the network, the proxy settings and the address, then try again."
    return Line(check, PROBLEM, error.what, error.advice or advice)


def _first(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error).partition("\n")[0]).rstrip(".")
