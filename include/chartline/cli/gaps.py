"""`chartline gaps`: the gaps of the followed charts, by chart and month."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Annotated

import typer

from chartline.cli import common
from chartline.domain.dag_ids import GAP_AUDIT
from chartline.errors import BadInput
from chartline.gaps import audit, healing, shown
from chartline.gaps.audit import ChartGaps, GapMonth
from chartline.operating.conditions import followed as conditions
from chartline.settings import settings
from chartline.wording import counted


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command("gaps")(show)


def show(
    chart: Annotated[str, typer.Argument(help="one followed chart, by month; default: all", show_default=False)] = "",
    month: Annotated[str, typer.Option(help="only this one, YYYY-MM", show_default=False)] = "",
    refresh: Annotated[
        bool, typer.Option("--refresh", help="bring the calendars up to date first: costs calls")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Show the gaps of the followed charts: days of the calendar that are not stored, and rankings that lost
    entries."""
    only = _month(month)
    now = datetime.now(UTC)
    with common.warehouse() as conn:
        followed, refused = audit.followed(conn, chart)
        failed: dict[str, str] = {}
        if refresh and followed:
            with common.soundcharts() as client:
                done = healing.refresh_calendars(
                    common.warehouse, client, followed, settings(), f"chartline gaps {now}"
                )
            failed = done.failed
            typer.echo(f"The calendars are up to date with {counted(done.calls, 'call')}.", err=True)
        charts = audit.audit(conn, followed, now)
        owes = conditions.overdue_of(conn, settings(), now, [one.slug for one in followed])
    if only:
        charts = [replace(one, months=tuple(month for month in one.months if month.month == only)) for one in charts]
    if as_json:
        typer.echo(
            json.dumps(
                [one.as_dict() | {"overdue": owes.get(one.slug)} for one in charts], ensure_ascii=False, indent=2
            )
        )
    elif not followed and not refused:
        typer.echo("No chart is followed. Follow one with: chartline schedules add SLUG")
    else:
        _tell(charts, owes, by_month=bool(chart or only))
    for slug, reason in refused.items():
        typer.echo(f"{slug}: its schedule cannot be used: {common.plain(reason)}", err=True)
    for slug, reason in failed.items():
        typer.echo(f"{slug}: its calendar could not be brought up to date: {common.plain(reason)}", err=True)
    if failed:
        raise typer.Exit(1)


def _month(text: str) -> date | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise BadInput(f"month: {text!r} is not a month, such as 2026-11.", field="month") from None


def _tell(charts: list[ChartGaps], owes: Mapping[str, str], *, by_month: bool) -> None:
    if by_month:
        rows = [
            (one.slug, f"{m.month:%Y-%m}", m.listed, m.stored, m.missing, m.short, _share(m))
            for one in charts
            for m in one.months
        ]
        typer.echo(common.columns(("CHART", "MONTH", "LISTED", "STORED", "MISSING", "SHORT", "COMPLETE"), rows))
    else:
        typer.echo(shown.table(charts))
    for one in charts:
        for line in shown.findings(one, owes.get(one.slug, "")):
            typer.echo(f"{one.slug}: {common.plain(line)}")
    wanting = [one.slug for one in charts if one.open]
    if wanting:
        only = f""" --conf '{{"chart": "{wanting[0]}"}}'""" if len(charts) == 1 else ""
        command = f"chartline airflow dags trigger {GAP_AUDIT}{only}"
        typer.echo(f"Heal them now with {GAP_AUDIT} (it also runs daily): {command}")


def _share(month: GapMonth) -> str:
    """The share of the calendar's days that are stored whole."""
    whole = month.listed - month.missing - month.short
    return f"{max(whole, 0) / month.listed:.0%}" if month.listed else ""
