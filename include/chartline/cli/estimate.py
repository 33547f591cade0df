"""`chartline estimate`: what a chart's history would cost, before it is fetched."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Annotated

import typer

from chartline.cli import common
from chartline.costs.estimate import estimate_range, estimate_schedule
from chartline.costs.model import Estimate
from chartline.costs.shown import rows
from chartline.errors import BadInput
from chartline.schedules import service
from chartline.settings import settings
from chartline.warehouse import schedules


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command("estimate")(estimate)


def estimate(
    chart: Annotated[str, typer.Argument(help="the chart's slug, as chartline charts search shows it")],
    first: Annotated[str | None, typer.Option("--from", help="first day, YYYY-MM-DD", show_default=False)] = None,
    last: Annotated[str | None, typer.Option("--to", help="last day; default: today", show_default=False)] = None,
    history_days: Annotated[
        int | None, typer.Option(help="as if it were followed with this many days of history", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    offline: Annotated[bool, typer.Option(help="make no call: estimate from what the warehouse knows")] = False,
) -> None:
    """Estimate what following a chart with its history, or fetching some of its days, would cost. Only the calendar is
    fetched and, where nothing of the chart is stored, its latest ranking: both are kept."""
    days = _days(first, last)
    if days and history_days is not None:
        raise BadInput("history_days: cannot go with --from; give one of them.", field="history_days")
    if history_days is not None:
        service.check({"sync_historical_data": True, "history_days": history_days})
    look = None if offline else common.soundcharts_if_configured()
    with common.warehouse() as conn:
        chart_row = service.find_chart(conn, chart, look)
        own, limit = settings(), common.per_minute()
        if days:
            told = estimate_range(conn, chart, *days, own, look=look, per_minute=limit)
        else:
            schedule = schedules.get(conn, chart) or service.proposed(chart_row, {"sync_historical_data": True})
            if history_days is not None:
                asked = {"sync_historical_data": True, "history_days": history_days}
                schedule = schedule.model_copy(update=asked)
            told = estimate_schedule(conn, schedule, own, look=look, per_minute=limit)
    typer.echo(json.dumps(told.model_dump(mode="json"), indent=2) if as_json else table(told))


def table(told: Estimate) -> str:
    """The estimate for people."""
    asks = [
        f"More than {settings().approval_share:.0%} of the quota left: it would wait for a person's approval."
    ] * told.needs_approval(settings())
    return "\n".join([common.columns((told.about.upper(), "CALLS"), rows(told)), *told.notes, *asks])


def _days(first: str | None, last: str | None) -> tuple[date, date] | None:
    today = datetime.now(UTC).date()
    if first is None:
        if last is not None:
            raise BadInput("to: needs --from.", field="to")
        return None
    start, end = _day("from", first, today), _day("to", last, today) if last is not None else today
    if start > end:
        raise BadInput(f"from: {start} lies after the end, {end}.", field="from")
    return start, end


def _day(name: str, text: str, today: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{name}: {text!r} is not a day; write YYYY-MM-DD.", field=name) from None
    if day > today:
        raise BadInput(f"{name}: {day} lies in the future; rankings exist only for past days.", field=name)
    return day
