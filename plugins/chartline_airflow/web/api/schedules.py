"""Which charts are followed, and how."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt, create_model
from pydantic.fields import FieldInfo

from chartline.costs.model import Estimate
from chartline.domain.schedule import Schedule, ScheduleSettings, default_frequency
from chartline.errors import ChartlineError, UnknownChart
from chartline.gaps.shown import HELD
from chartline.operating import reparse, schedules
from chartline.operating.conditions import followed
from chartline.operating.schedules import FollowedState, ScheduleDetail, ScheduleLine
from chartline.schedules import following, service
from chartline.settings import settings
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads.charts import ChartFilter
from chartline_airflow.web import problems, starting, versions
from chartline_airflow.web.access import Editor, Person, Reader
from chartline_airflow.web.airflow_api import Airflow, AirflowApi
from chartline_airflow.web.paging import Page, PageQuery, Text
from chartline_airflow.web.problems import Problem, ProblemBody
from chartline_airflow.web.versions import IfMatch, Seen
from chartline_airflow.web.warehouse import Account, Soundcharts, Warehouse

router = APIRouter(prefix="/sync/schedules", tags=["schedules"])

MOST_AT_ONCE = 200
VERSIONED = ("activate", "deactivate", "remove")
"""Actions that change a schedule, and therefore take its version."""

Key = Annotated[str, Path(description="the chart's slug or id", max_length=250)]


# -- what is asked -----------------------------------------------------------------------------------------


def _optional(field: FieldInfo) -> Any:
    """A setting that may be left out, with the model's own limits."""
    kind: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return kind | None, Field(None, description=field.description)


SettingsBody = create_model(
    "SettingsBody",
    __config__=ConfigDict(extra="forbid"),
    **{name: _optional(field) for name, field in ScheduleSettings.model_fields.items()},
)
SettingsBody.__doc__ = "Settings of a schedule; what is not given has its default (PUT, POST) or stays (PATCH)."


class FollowBody(SettingsBody):
    """The chart to follow, by slug or id, and its settings. Without a frequency it is the chart's own."""

    chart: Annotated[str, Field(min_length=1, max_length=250)] | Annotated[StrictInt, Field(ge=1, le=2**62)]


class ScheduleQuery(PageQuery):
    """Which followed charts, in which order."""

    platform: Text | None = None
    country: Text | None = Field(None, description='country code; "" is worldwide')
    frequency: Text | None = Field(None, description="the chart's own")
    state: FollowedState | None = None
    text: Text = Field("", description="each word must be in the slug, the name, the country or the city")
    sort: Text = Field("name", description=f"{', '.join(schedules.SORTS)}; with - before it in reverse order")


class BulkBody(BaseModel):
    """One action for several charts, each by slug or id. `settings`: of charts that are added."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["activate", "deactivate", "trigger", "add", "remove"]
    charts: list[Annotated[str, Field(min_length=1, max_length=250)]] = Field(min_length=1, max_length=MOST_AT_ONCE)
    settings: SettingsBody | None = None
    versions: dict[Annotated[str, Field(max_length=250)], Annotated[str, Field(max_length=100)]] | None = Field(
        None,
        max_length=MOST_AT_ONCE,
        description="of charts that are activated, deactivated or removed: the version that was seen, by chart as in "
        "`charts`; one that was changed since is left as it is",
    )


# -- what is answered --------------------------------------------------------------------------------------


class SchedulePage(Page[ScheduleLine]):
    """A part of the followed charts; `totals`: all that are followed, by state."""

    totals: dict[str, int]


class Changed(BaseModel):
    """The schedule as it is now. `estimate`: what the history that was asked for costs, None when none was asked for;
    `history_held`: it waits for a person's approval, as `message` says."""

    schedule: ScheduleLine
    estimate: Estimate | None = None
    history_held: bool
    message: str


class ScheduleEstimate(BaseModel):
    """What following a chart with these settings would cost; nothing was changed. `needs_approval`: its history would
    wait for approval."""

    chart: str
    settings: dict[str, Any]
    timing: str
    estimate: Estimate
    needs_approval: bool


class ChartOutcome(BaseModel):
    """How the action went for one chart: `done`, or `problem` says why not, and nothing of it was changed."""

    chart: str
    done: bool
    message: str = ""
    run_id: str | None = None
    problem: ProblemBody | None = None


class BulkAnswer(BaseModel):
    """The outcome of each chart, in the order asked."""

    action: str
    done: int
    failed: int
    outcomes: list[ChartOutcome]


# -- routes ------------------------------------------------------------------------------------------------


@router.get("/")
def list_followed_charts(query: Annotated[ScheduleQuery, Query()], conn: Warehouse, _: Reader) -> SchedulePage:
    """The followed charts with their state, last and next sync, success rate and completeness."""
    wanted = ChartFilter(
        text=query.text, platform=query.platform, country=query.country, frequency=query.frequency, followed=True
    )
    now = datetime.now(UTC)
    follows = followed.judge(conn, settings(), now)
    lines, total = schedules.find(
        conn,
        wanted,
        settings(),
        now,
        state=query.state,
        sort=query.sort,
        limit=query.limit,
        offset=query.offset,
        follows=follows,
    )
    page = Page[ScheduleLine].of(lines, total, query)
    return SchedulePage(**dict(page), totals=schedules.totals(follows))


@router.post("/", status_code=201)
def follow_chart(
    body: FollowBody,
    request: Request,
    response: Response,
    conn: Warehouse,
    account: Soundcharts,
    airflow: AirflowApi,
    person: Editor,
) -> Changed:
    """Follows a chart. One that is not in the catalogue is looked up in Soundcharts (one call)."""
    slug = _slug_to_add(conn, str(body.chart))
    changed = _follow(conn, slug, _given(body), account, airflow, person)
    response.headers["ETag"] = versions.tag(changed.schedule.version)
    response.headers["Location"] = f"{request.scope['root_path']}/api{router.prefix}/{slug}/"
    return changed


@router.post("/estimate/")
def estimate_schedule(body: FollowBody, conn: Warehouse, account: Soundcharts, _: Editor) -> ScheduleEstimate:
    """What following a chart with these settings would cost, or changing them when it is followed already. Changes
    nothing. May make a few calls to find out, which the first run then does not make again."""
    slug, given = _slug_to_add(conn, str(body.chart)), _given(body)
    service.check(given)
    proposed = following.proposed(conn, slug, given, account.client)
    cost = following.price(conn, [proposed], settings(), account.client, account.per_minute)
    assert cost is not None
    return ScheduleEstimate(
        chart=slug,
        settings=proposed.settings,
        timing=proposed.grid.text(),
        estimate=cost,
        needs_approval=following.would_wait(conn, proposed, cost, settings()),
    )


@router.post("/bulk/")
def change_several_charts(
    body: BulkBody, conn: Warehouse, account: Soundcharts, airflow: AirflowApi, person: Editor
) -> BulkAnswer:
    """Does one action for several charts. For each it is done wholly or not at all; one that fails does not stop the
    others."""
    if body.settings is not None and body.action != "add":
        raise problems.wrong("settings", "goes with the action add only")
    if body.versions is not None and body.action not in VERSIONED:
        raise problems.wrong("versions", f"goes with the actions {', '.join(VERSIONED)} only")
    seen = {key: frozenset({version}) for key, version in (body.versions or {}).items()}
    if person.by_browser and body.action in VERSIONED and not seen.keys() >= set(body.charts):
        raise versions.missing()
    given = _given(body.settings) if body.settings else {}
    service.check(given)
    outcomes = []
    for key in dict.fromkeys(body.charts):
        try:
            outcomes.append(_do(body.action, key, given, seen.get(key), conn, account, airflow, person))
        except (Problem, ChartlineError) as refused:
            problem = refused if isinstance(refused, Problem) else problems.of(refused)
            outcomes.append(ChartOutcome(chart=key, done=False, problem=ProblemBody(**problem.body)))
    done = sum(one.done for one in outcomes)
    if done and body.action != "trigger":
        _ask_reparse(airflow)
    return BulkAnswer(action=body.action, done=done, failed=len(outcomes) - done, outcomes=outcomes)


@router.get("/{key}/")
def get_followed_chart(key: Key, conn: Warehouse, _: Reader, response: Response) -> ScheduleDetail:
    """A followed chart with its newest executions and their totals. Send its ETag as If-Match when changing it."""
    detail = schedules.detail(conn, schedules.slug_of(conn, key), settings(), datetime.now(UTC))
    response.headers["ETag"] = versions.tag(detail.version)
    return detail


@router.put("/{key}/")
def replace_settings(
    key: Key,
    body: SettingsBody,
    conn: Warehouse,
    account: Soundcharts,
    airflow: AirflowApi,
    person: Editor,
    seen: IfMatch,
    response: Response,
) -> Changed:
    """Sets all settings of a followed chart: one that is not given gets its default. With If-Match it is done only if
    nobody has changed them since; otherwise 412 says who changed what."""
    slug = schedules.slug_of(conn, key)
    chart = service.find_chart(conn, slug)
    defaults = ScheduleSettings(sync_frequency=default_frequency(chart.frequency)).model_dump(mode="json")
    return _change(conn, slug, _over(defaults, _given(body)), account, airflow, person, seen, response)


@router.patch("/{key}/")
def change_settings(
    key: Key,
    body: SettingsBody,
    conn: Warehouse,
    account: Soundcharts,
    airflow: AirflowApi,
    person: Editor,
    seen: IfMatch,
    response: Response,
) -> Changed:
    """Changes some settings of a followed chart: one that is not given stays. If-Match as for PUT."""
    slug, given = schedules.slug_of(conn, key), _given(body)
    if not given:
        raise problems.wrong("body", "names no setting")
    return _change(conn, slug, given, account, airflow, person, seen, response)


@router.delete("/{key}/", status_code=204)
def stop_following_chart(key: Key, conn: Warehouse, airflow: AirflowApi, person: Editor, seen: IfMatch) -> None:
    """Stops following a chart. What was stored of it stays. If-Match as for PUT."""
    service.remove(conn, schedules.slug_of(conn, key), by=person.name, seen=seen)
    _ask_reparse(airflow)


# -- how ---------------------------------------------------------------------------------------------------


def _do(
    action: str,
    key: str,
    given: dict[str, Any],
    seen: Seen,
    conn: Connection,
    account: Account,
    airflow: Airflow,
    person: Person,
) -> ChartOutcome:
    if action == "add":
        changed = _follow(conn, _slug_to_add(conn, key), given, account, None, person)
        return ChartOutcome(chart=changed.schedule.slug, done=True, message=changed.message)
    slug = schedules.slug_of(conn, key)
    if action == "trigger":
        run = starting.start(conn, airflow, slug, {}, person)
        return ChartOutcome(chart=slug, done=True, message="A run is started.", run_id=run.run_id)
    if action == "remove":
        service.remove(conn, slug, by=person.name, seen=seen)
        return ChartOutcome(chart=slug, done=True, message="No longer followed; what was stored of it stays.")
    active = action == "activate"
    service.change(conn, slug, {"is_active": active}, by=person.name, seen=seen)
    return ChartOutcome(chart=slug, done=True, message="Runs by itself." if active else "Runs by hand only.")


def _ask_reparse(airflow: Airflow) -> str:
    return reparse.ask(airflow.ask, reparse.in_a_thread, Problem)


def _follow(
    conn: Connection, slug: str, given: dict[str, Any], account: Account, airflow: Airflow | None, person: Person
) -> Changed:
    schedule, cost = following.follow(
        conn,
        slug,
        given,
        settings(),
        created_by=person.name,
        client=account.client,
        per_minute=account.per_minute,
    )
    return _changed(conn, schedule, cost, _ask_reparse(airflow) if airflow else "")


def _change(
    conn: Connection,
    slug: str,
    given: dict[str, Any],
    account: Account,
    airflow: Airflow,
    person: Person,
    seen: Seen,
    response: Response,
) -> Changed:
    schedule, cost = following.change(
        conn, slug, given, settings(), by=person.name, client=account.client, per_minute=account.per_minute, seen=seen
    )
    changed = _changed(conn, schedule, cost, _ask_reparse(airflow))
    response.headers["ETag"] = versions.tag(changed.schedule.version)
    return changed


def _changed(conn: Connection, schedule: Schedule, cost: Estimate | None, shown: str) -> Changed:
    held = schedule.history_held
    message = f"{schedule.slug} is followed: {schedule.grid.text()}. {shown}".strip()
    if held:
        message += f" New days are fetched; {HELD}."
    line = schedules.line(conn, schedule.slug, settings(), datetime.now(UTC))
    return Changed(schedule=line, estimate=cost, history_held=held, message=message)


def _slug_to_add(conn: Connection, key: str) -> str:
    """The chart's slug; a key that is not in the catalogue is taken for a slug, which Soundcharts may know."""
    try:
        return schedules.slug_of(conn, key)
    except UnknownChart:
        return key


def _given(body: BaseModel) -> dict[str, Any]:
    """The settings that a body names."""
    return body.model_dump(mode="json", exclude_unset=True, exclude={"chart"})


def _over(defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """All settings: `given` in place of the defaults. Timing is given whole, so a default frequency yields to it."""
    timing = service.with_timing(defaults, given)
    return defaults | dict.fromkeys(("custom_interval_hours", "cron")) | timing
