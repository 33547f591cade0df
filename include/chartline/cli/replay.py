"""`chartline replay`: rebuilds tables from the raw answers that are kept, without a call."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date, datetime
from typing import Annotated

import typer

from chartline.cascade import replay as core
from chartline.cascade.replay import ReplayAsk, ReplayReport
from chartline.cli import common
from chartline.errors import BadInput
from chartline.settings import settings
from chartline.warehouse import schema
from chartline.warehouse.connect import connect


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command("replay")(replay)


def replay(
    chart: Annotated[list[str] | None, typer.Option(help="slug; may be given several times; default: all")] = None,
    resource: Annotated[
        list[str] | None, typer.Option(help="or a table that it fills; may be given several times; default: all")
    ] = None,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="first day")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="last day")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="read all, store nothing")] = False,
    source: Annotated[
        str, typer.Option("--from", help="URL of the warehouse whose raw answers are read; default: this one")
    ] = "",
    into: Annotated[str, typer.Option(help="URL of the warehouse that is filled; default: this one")] = "",
) -> None:
    """Rebuild tables from the raw answers that are kept, without a call; fails when one cannot be read or stored.

    Days are those of rankings and series; of anything else those on which it came. Safe to run again.
    """
    ask = ReplayAsk(tuple(chart or ()), tuple(resource or ()), _day(since), _day(until), dry_run)
    here = common.warehouse_url() if not (source and into) else ""
    read_from, write_to = source or here, into or here
    if (source or into) and read_from == write_to:
        raise BadInput("Both are the same warehouse.", field="from", advice="Leave out --from and --into.")
    with ExitStack() as open_:
        from_, to = (open_.enter_context(connect(url)) for url in (read_from, write_to))
        from_.autocommit = to.autocommit = True
        schema.check(to)
        report = core.replay(from_, to, ask, settings(), moves=bool(source or into))
    _show(report)
    _show(report)
    for line in report.lines(dry_run=dry_run):
        typer.echo(line)
    for line in report.unread:
        typer.echo(common.plain(line), err=True)
    if report.failed:
        raise typer.Exit(1)


def _show(report: ReplayReport) -> None:
    rows = [(name, f"{one.fetches:,}", f"{one.rows:,}", f"{one.unread:,}") for name, one in report.resources.items()]
    if rows:
        typer.echo(common.columns(("RESOURCE", "FETCHES", "ROWS", "NOT READ"), rows))


def _day(at: datetime | None) -> date | None:
    return at.date() if at else None
