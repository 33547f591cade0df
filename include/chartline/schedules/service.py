"""Following a chart, changing how, and following it no longer: what the command line, a file and others ask for.

All functions take a connection in autocommit, or join the caller's transaction. A refused change changes nothing; one
that is made is kept with who made it (`created_by`, `by`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from chartline.cascade import ranking_pages
from chartline.domain.schedule import Schedule, ScheduleSettings, default_frequency, refused
from chartline.errors import AlreadyFollowed, BadInput, ChartlineError, NotFollowed, NotFound, UnknownChart
from chartline.identifiers import MAX_SLUG, SLUG, is_whole
from chartline.schedules import version
from chartline.soundcharts import endpoints, models
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse import calls, changes, charts, raw, schedules
from chartline.warehouse.charts import ChartRow
from chartline.warehouse.connect import Connection

Client = Callable[[], SoundchartsClient]

ADD, CHANGE, RELEASE, REMOVE = "schedule.add", "schedule.change", "schedule.release_history", "schedule.remove"
"""The actions as they are kept."""

TIMING = ("sync_frequency", "custom_interval_hours", "cron")
"""Settings that are changed together: a cron expression takes the place of an interval, and either means custom."""


def add(
    conn: Connection,
    slug: str,
    settings: Mapping[str, Any] | None = None,
    *,
    created_by: str = "",
    client: Client | None = None,
    held: bool = False,
) -> Schedule:
    """Follow a chart. Without a frequency among `settings` it is the chart's own, else weekly.

    `held`: its past waits for `release_history`. `client`: asked for a chart that the warehouse has not met (one
    call). Raises BadInput for a wrong setting or a chart that is followed already, UnknownChart, and with `client` the
    errors of the account.
    """
    check(settings or {})  # before a call is spent
    chart = find_chart(conn, slug, client)
    schedule = proposed(chart, settings or {})
    columns = _columns(schedule) | {"history_held": held and schedule.sync_historical_data}
    with conn.transaction():
        if not schedules.add(conn, chart.id, columns, created_by):
            raise AlreadyFollowed(
                f"chart: {slug} is followed already.",
                field="chart",
                advice=f"Change its settings with: chartline schedules change {slug}",
            )
        changes.note(conn, created_by, ADD, slug, None, columns)
    return _stored(conn, slug)


def change(
    conn: Connection,
    slug: str,
    settings: Mapping[str, Any],
    *,
    held: bool = False,
    by: str = "",
    seen: Collection[str] | None = None,
) -> Schedule:
    """Change some settings of a followed chart; also mends a row that was made invalid. Raises BadInput.

    `held`: if that asks for more of the history, it waits for `release_history`. `seen`: the versions that the person
    may have seen, None: whatever they are; raises ChangedMeanwhile where they are others by now.
    """
    with conn.transaction():
        schedules.lock(conn)
        rows = schedules.rows(conn, [slug])
        if not rows:
            raise not_followed(slug)
        before = rows[0]
        version.must_be(conn, before, seen)
        schedule = Schedule.of(before | with_timing(before, settings))
        columns = _columns(schedule)
        columns |= past_asked(before, columns, held=held)
        schedules.change(conn, before["chart_id"], columns)
        changes.note(conn, by, CHANGE, slug, {name: before[name] for name in columns}, columns)
    return _stored(conn, slug)


def past_asked(before: Mapping[str, Any], after: Mapping[str, Any], *, held: bool = False) -> dict[str, Any]:
    """The columns that say when the history was asked for, as a change from settings to settings alters them.

    The history is asked for anew when history is switched on or reaches farther back; its runs then start over from the
    latest interval. Not when the schedule is made active again: it goes on where it stopped.
    """
    if not after["sync_historical_data"]:
        return {"history_held": False}
    days = before["history_days"] if before["sync_historical_data"] else 0
    if after["history_days"] <= days:
        return {}
    return {"history_asked_at": datetime.now(UTC), "history_held": held, "resumes_at": None}


def release_history(conn: Connection, slug: str, *, by: str = "") -> Schedule:
    """Let the history that was held come, from the interval that is the latest complete one now. Raises BadInput."""
    released = {"history_held": False, "history_asked_at": datetime.now(UTC), "resumes_at": None}
    with conn.transaction():
        schedules.lock(conn)
        rows = schedules.rows(conn, [slug])
        if not rows:
            raise not_followed(slug)
        schedules.change(conn, rows[0]["chart_id"], released)
        changes.note(conn, by, RELEASE, slug, {name: rows[0][name] for name in released}, released)
    return _stored(conn, slug)


def remove(conn: Connection, slug: str, *, by: str = "", seen: Collection[str] | None = None) -> None:
    """Follow a chart no longer; its rankings and executions stay. Raises BadInput when it is not followed, and as
    `change` for `seen`."""
    with conn.transaction():
        schedules.lock(conn)
        rows = schedules.rows(conn, [slug])
        if not rows:
            raise not_followed(slug)
        version.must_be(conn, rows[0], seen)
        schedules.remove(conn, rows[0]["chart_id"])
        changes.note(conn, by, REMOVE, slug, {name: rows[0][name] for name in ScheduleSettings.model_fields}, None)


def proposed(chart: ChartRow, settings: Mapping[str, Any]) -> Schedule:
    """The schedule that `settings` make for a chart: what is not said has its default. Raises BadInput."""
    own = {"sync_frequency": default_frequency(chart.frequency)}
    return Schedule.of(
        {
            "slug": chart.slug,
            "name": chart.name,
            "platform": chart.platform,
            "country_code": chart.country_code,
            "chart_id": chart.id,
            "frequency": chart.frequency,
            "created_at": datetime.now(UTC),
            **with_timing(own, settings),
        }
    )


def check(settings: Mapping[str, Any]) -> None:
    """Raises BadInput, one line a field, for settings that no chart can have."""
    try:
        ScheduleSettings.model_validate(with_timing({"sync_frequency": "daily"}, settings))
    except ValidationError as wrong:
        raise refused(wrong) from None


def with_timing(before: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` with the timing whole: cron or an interval alone means custom, and each clears the other.

    `before`: has the frequency that stays when none is given.
    """
    if unknown := sorted(set(settings) - set(ScheduleSettings.model_fields)):
        raise BadInput("\n".join(f"{name}: there is no such setting" for name in unknown), field=unknown[0])
    given = {name: settings[name] for name in TIMING if settings.get(name) is not None}
    if not given:
        return {"sync_frequency": before["sync_frequency"], **settings}
    timing = dict.fromkeys(TIMING) | {"sync_frequency": "custom"} | given
    return {**settings, **timing}


def find_chart(conn: Connection, slug: str, client: Client | None = None) -> ChartRow:
    """The chart of that slug, asked of the API when the warehouse does not know it (one call, recorded, and kept for
    whoever fetches the latest ranking; the chart is stored). Raises UnknownChart, and the errors of the account."""
    if not is_whole(SLUG, slug, MAX_SLUG):
        raise UnknownChart(
            f"chart: {slug!r} cannot be a chart's slug.",
            field="chart",
            advice="Look it up with: chartline charts search",
        )
    chart = charts.find(conn, slug)
    if chart is None and client is not None:
        _ask(conn, slug, client)
        chart = charts.find(conn, slug)
    if chart is None:
        raise unknown(slug, "is not in the catalogue" if client is None else "does not exist at the Soundcharts API")
    return chart


def unknown(slug: str, why: str) -> UnknownChart:
    """The refusal of a chart that is not there."""
    return UnknownChart(
        f"chart: {slug} {why}.",
        field="chart",
        advice="Look it up with: chartline charts search (and chartline catalogue refresh for new ones).",
    )


def not_followed(slug: str) -> NotFollowed:
    """The refusal to touch a schedule that is not there."""
    return NotFollowed(
        f"chart: {slug} is not followed.", field="chart", advice="See what is with: chartline schedules list"
    )


def _ask(conn: Connection, slug: str, client: Client) -> None:
    """The API has no look-up of a chart; the first page of its latest ranking tells of the chart too, and is kept: who
    fetches that ranking next goes on from there."""
    endpoint, now = endpoints.RANKING_LATEST, datetime.now(UTC)
    with client() as api:
        try:
            answer = api.get(endpoint, slug, query={"offset": 0, "limit": endpoint.page_limit})
        except ChartlineError as error:
            calls.record(conn, error.calls, None)
            if isinstance(error, NotFound):
                raise unknown(slug, "does not exist at the Soundcharts API") from None
            raise
    calls.record(conn, answer.calls, None)  # the call was made, whatever the answer is worth
    chart = models.parse(models.RankingPage, answer).chart
    with conn.transaction():
        charts.upsert_chart(conn, chart)
        raw.keep(conn, ranking_pages.begun_pages(slug, ranking_pages.LATEST, [answer], now), None)


def _columns(schedule: Schedule) -> dict[str, Any]:
    return {name: getattr(schedule, name) for name in ScheduleSettings.model_fields}


def _stored(conn: Connection, slug: str) -> Schedule:
    schedule = schedules.get(conn, slug)
    if schedule is None:
        raise not_followed(slug)  # removed by someone else at this moment
    return schedule
