"""The catalogue and the followed charts: search, rankings, completeness, cascades by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, field_validator

from chartline.costs.model import Estimate
from chartline.domain.asks import MAX_DAYS, Step
from chartline.domain.schedule import MAX_HISTORY_DAYS, ScheduleSettings
from chartline.errors import UnknownChart
from chartline.operating import charts, progress, schedules
from chartline.operating.charts import Calendar, Chart, ChartLine, Completeness, LastRun, Ranking
from chartline.operating.conditions import followed
from chartline.operating.conditions.followed import State
from chartline.operating.progress import Progress
from chartline.schedules import following, service
from chartline.settings import settings
from chartline.warehouse import reads
from chartline.warehouse.reads import executions
from chartline.warehouse.reads.charts import SORTS, ChartFilter
from chartline.warehouse.schedules import rows
from chartline_airflow.web import cascades, problems
from chartline_airflow.web.access import Editor, Reader
from chartline_airflow.web.airflow_api import AirflowApi
from chartline_airflow.web.cascades import Started
from chartline_airflow.web.paging import Day, Page, PageQuery, Text
from chartline_airflow.web.warehouse import Soundcharts, Warehouse

router = APIRouter(prefix="/charts", tags=["charts"])

Key = Annotated[str, Path(description="the chart's slug or id", max_length=250)]


# -- what is asked -----------------------------------------------------------------------------------------


class ChartQuery(PageQuery):
    """Which charts of the catalogue, in which order."""

    platform: Text | None = None
    country: Text | None = Field(None, description='country code; "" is worldwide')
    frequency: Text | None = Field(None, description="the chart's own")
    state: State | None = None
    followed: bool | None = None
    text: Text = Field("", description="each word must be in the slug, the name, the country or the city")
    sort: Text = Field("name", description=f"{', '.join(SORTS)}; with - before it in reverse order")


class RankingQuery(PageQuery):
    """Which part of a ranking: of its entries, and of the tracks that left."""

    limit: int = Field(200, ge=1, le=500, description="how many at most, of either")


class YearQuery(BaseModel):
    """Which year; default: this one."""

    model_config = ConfigDict(extra="forbid")

    year: int | None = Field(None, ge=1950, le=2200)


class EstimateQuery(BaseModel):
    """Settings of the schedule whose cost is estimated; one that is not given stays as it is, or has its default."""

    model_config = ConfigDict(extra="forbid")

    is_active: bool | None = None
    sync_frequency: Text | None = None
    custom_interval_hours: int | None = None
    cron: Text | None = None
    sync_immediately: bool | None = None
    sync_historical_data: bool | None = None
    history_days: int | None = None
    fetch_track_metadata: bool | None = None
    fetch_artist_metadata: bool | None = None
    fetch_track_audience: bool | None = None
    fetch_artist_audience: bool | None = None
    track_platforms: list[Text] | None = Field(None, max_length=50, description="an empty text: no platform")
    artist_platforms: list[Text] | None = Field(None, max_length=50, description="an empty text: no platform")

    @field_validator("track_platforms", "artist_platforms", mode="before")
    @classmethod
    def _none_of_them(cls, given: object) -> object:
        """A query cannot hold an empty list."""
        return [] if given == [""] else given


assert set(EstimateQuery.model_fields) == set(ScheduleSettings.model_fields)


class CascadeBody(BaseModel):
    """What to fetch: one day or several, else the latest ranking; the steps after it, the platforms, how far back a
    series goes the first time. What is not given is as the chart's schedule says, or has its default. `force`: fetch
    again what is still fresh."""

    model_config = ConfigDict(extra="forbid")

    day: Day | None = None
    days: list[Day] | None = Field(None, min_length=1, max_length=MAX_DAYS)
    steps: list[Step] | None = Field(None, max_length=4)
    track_platforms: list[Text] | None = Field(None, max_length=50)
    artist_platforms: list[Text] | None = Field(None, max_length=50)
    audience_days: Annotated[StrictInt, Field(ge=1, le=MAX_HISTORY_DAYS)] | None = None
    force: StrictBool = False


# -- what is answered --------------------------------------------------------------------------------------


class ChartPage(Page[ChartLine]):
    """A part of the charts."""


class FilterValue(BaseModel):
    """A value to filter by, and how many charts have it."""

    value: str
    name: str
    charts: int


class ChartFilters(BaseModel):
    """What the catalogue can be filtered by."""

    platforms: list[FilterValue]
    countries: list[FilterValue]
    frequencies: list[FilterValue]


class ChartEstimate(BaseModel):
    """What following the chart with these settings would cost. `needs_approval`: its history would wait for
    approval."""

    chart: str
    followed: bool
    settings: dict[str, Any]
    timing: str
    estimate: Estimate
    needs_approval: bool


class ChartStatus(BaseModel):
    """The state of a chart. `run`: the run that is running, else the newest; `progress`: of that run, None before the
    first."""

    chart: str
    state: State
    reason: str
    running: bool
    run: LastRun | None
    dag_id: str | None
    run_id: str | None
    progress: Progress | None
    next_sync: datetime | None


# -- routes ------------------------------------------------------------------------------------------------


@router.get("/")
def list_charts(query: Annotated[ChartQuery, Query()], conn: Warehouse, _: Reader) -> ChartPage:
    """The charts of the catalogue, followed or not, with state, frequency, last and next sync, and completeness."""
    wanted = ChartFilter(
        text=query.text,
        platform=query.platform,
        country=query.country,
        frequency=query.frequency,
        followed=query.followed,
    )
    lines, total = charts.find(
        conn,
        wanted,
        settings(),
        datetime.now(UTC),
        state=query.state,
        sort=query.sort,
        limit=query.limit,
        offset=query.offset,
    )
    return ChartPage(**dict(Page[ChartLine].of(lines, total, query)))


@router.get("/facets/")
def list_chart_filters(conn: Warehouse, _: Reader) -> ChartFilters:
    """The platforms, countries and frequencies that charts can be filtered by, with how many charts have each."""
    platforms, countries, frequencies = (
        [FilterValue(**vars(one)) for one in reads.charts.facets(conn, of)]
        for of in ("platform", "country", "frequency")
    )
    return ChartFilters(platforms=platforms, countries=countries, frequencies=frequencies)


@router.get("/{chart}/")
def get_chart(chart: Key, conn: Warehouse, _: Reader) -> Chart:
    """A chart of the catalogue with its state, the days that are known of it, and the tracks of its newest ranking."""
    return charts.one(conn, schedules.slug_of(conn, chart), settings(), datetime.now(UTC))


@router.get("/{chart}/estimate/")
def estimate_chart(
    chart: Key, query: Annotated[EstimateQuery, Query()], conn: Warehouse, account: Soundcharts, _: Reader
) -> ChartEstimate:
    """What following the chart would cost with these settings, from what the warehouse knows. Makes no call, so the
    ranges are wide for a chart of which nothing is stored: POST /sync/schedules/estimate/ asks Soundcharts."""
    slug = schedules.slug_of(conn, chart)
    given = query.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    service.check(given)
    proposed = following.proposed(conn, slug, given)
    cost = following.price(conn, [proposed], settings(), None, account.per_minute)
    assert cost is not None
    return ChartEstimate(
        chart=slug,
        followed=bool(rows(conn, [slug])),
        settings=proposed.settings,
        timing=proposed.grid.text(),
        estimate=cost,
        needs_approval=following.would_wait(conn, proposed, cost, settings()),
    )


@router.post("/{chart}/trigger-cascade/", status_code=202)
def trigger_cascade(
    chart: Key,
    conn: Warehouse,
    airflow: AirflowApi,
    account: Soundcharts,
    person: Editor,
    body: CascadeBody | None = None,
) -> Started:
    """Fetches the chart's ranking with its tracks, artists and audience, whether the chart is followed or not. A chart
    that is not in the catalogue is looked up in Soundcharts (one call). 409, naming the run, while one is running."""
    asked = body or CascadeBody()
    config = asked.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    if not config.get("force"):
        config.pop("force", None)
    try:
        slug = schedules.slug_of(conn, chart)
    except UnknownChart:
        slug = service.find_chart(conn, chart, account.client).slug
    return cascades.fill(conn, airflow, charts.known(conn, slug).id, slug, config, person)


@router.get("/{chart}/status/")
def get_chart_status(chart: Key, conn: Warehouse, _: Reader) -> ChartStatus:
    """The state of the chart, and the progress of its run: in percent, and by step."""
    slug, own = schedules.slug_of(conn, chart), settings()
    follow = followed.judge(conn, own, datetime.now(UTC), [slug]).get(slug)
    row = executions.newest(conn, slug)
    return ChartStatus(
        chart=slug,
        state=follow.state if follow else "not_followed",
        reason=follow.reason if follow else "",
        running=row is not None and row.status == "running",
        run=LastRun(**{name: getattr(row, name) for name in LastRun.model_fields}) if row else None,
        dag_id=row.dag_id if row else None,
        run_id=row.run_id if row else None,
        progress=progress.of(conn, row, own) if row else None,
        next_sync=follow.next_sync if follow else None,
    )


@router.get("/{chart}/rankings/{day}/")
def get_ranking(
    chart: Key,
    day: Annotated[Day | Literal["latest"], Path(description="YYYY-MM-DD, or latest")],
    query: Annotated[RankingQuery, Query()],
    conn: Warehouse,
    _: Reader,
) -> Ranking:
    """The stored ranking of a day: which tracks moved, are new or came back, and which left since the stored ranking
    before."""
    slug = schedules.slug_of(conn, chart)
    wanted = None if day == "latest" else day
    stored = charts.ranking(conn, slug, wanted, limit=query.limit, offset=query.offset)
    if stored is None:
        which = "No ranking" if wanted is None else f"No ranking of {wanted}"
        raise problems.unknown("day", f"{which} of {slug} is stored.")
    return stored


@router.get("/{chart}/calendar/")
def get_chart_days(chart: Key, query: Annotated[YearQuery, Query()], conn: Warehouse, _: Reader) -> Calendar:
    """A year of the chart: which days are stored, short, missing, or absent from the calendar."""
    year = query.year or charts.this_year(datetime.now(UTC))
    return charts.calendar(conn, schedules.slug_of(conn, chart), year)


@router.get("/{chart}/completeness/")
def get_completeness(chart: Key, conn: Warehouse, _: Reader) -> Completeness:
    """How many days of the calendar are stored, by month."""
    return charts.completeness(conn, schedules.slug_of(conn, chart), settings(), datetime.now(UTC))


@router.post("/{chart}/heal/", status_code=202)
def heal_gaps(chart: Key, conn: Warehouse, airflow: AirflowApi, person: Editor) -> Started:
    """Starts a run that finds and fetches the chart's gaps. 404 when the chart is not followed, 409, naming the run,
    while one is running."""
    slug = schedules.slug_of(conn, chart)
    return cascades.heal(conn, airflow, charts.known(conn, slug).id, slug, person)
