"""`chartline charts` and `chartline catalogue`: the charts that can be followed."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from chartline.cascade import catalogue
from chartline.cli import common
from chartline.errors import BadInput
from chartline.warehouse import catalogue as known
from chartline.warehouse import charts
from chartline.wording import counted

charts_app = typer.Typer(help="Charts that can be followed.", no_args_is_help=True, rich_markup_mode=None)
catalogue_app = typer.Typer(
    help="The list of charts that can be followed.", no_args_is_help=True, rich_markup_mode=None
)


@charts_app.callback()
def _charts() -> None:
    """Charts that can be followed."""


@catalogue_app.callback()
def _catalogue() -> None:
    """The list of charts that can be followed."""


@charts_app.command("search")
def search(
    words: Annotated[list[str] | None, typer.Argument(help="parts of slug, name, country or city")] = None,
    platform: Annotated[str, typer.Option(help="code, such as spotify")] = "",
    country: Annotated[str | None, typer.Option(help="two letters, or worldwide", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
) -> None:
    """Search the charts of the catalogue."""
    with common.warehouse() as conn:
        if platform and platform not in (codes := known.searched_platforms(conn)):
            raise BadInput(
                f"platform: the catalogue has no charts of {platform!r}.",
                field="platform",
                advice=f"It has charts of {', '.join(codes)}." if codes else _REFRESH,
            )
        code = None if country is None else "" if country.lower() == "worldwide" else country.upper()
        matching = charts.search(conn, " ".join(words or ()), platform=platform, country_code=code, limit=limit)
        empty = not matching and not known.chart_count(conn)
    if empty:
        raise BadInput("The catalogue is empty.", advice=_REFRESH)
    if not matching:
        typer.echo("No chart matches.")
        return
    rows = [
        (c.slug, c.name, c.platform, c.country_name or c.country_code, c.frequency, c.capacity or "") for c in matching
    ]
    typer.echo(common.columns(("CHART", "NAME", "PLATFORM", "COUNTRY", "FREQUENCY", "PLACES"), rows))
    if len(matching) == limit:
        typer.echo(f"The first {limit}; --limit shows more.", err=True)


_REFRESH = "Fill it with: chartline catalogue refresh"


@catalogue_app.command("refresh")
def refresh(
    platform: Annotated[list[str] | None, typer.Option(help="only this one; may be given several times")] = None,
    force: Annotated[bool, typer.Option(help="also lists younger than seven days; each call is billed")] = False,
) -> None:
    """Fetch platforms and charts from the API: a call for every hundred charts."""
    with common.warehouse() as conn, common.soundcharts() as client:
        report = catalogue.refresh(conn, client, platform or None, _progress, force=force)
    typer.echo(
        f"Stored {counted(report.platform_lists, 'list')} of platforms and "
        f"{counted(report.charts, 'chart')} with {counted(report.calls, 'call')}."
    )
    if report.skipped:
        typer.echo(
            f"Left alone, as they are younger than seven days or another run is fetching them: "
            f"{', '.join(report.skipped)}."
        )
    for name, reason in report.failed.items():
        typer.echo(f"{name}: {reason}", err=True)
    if report.failed:
        raise typer.Exit(1)


def _progress(platform: str, stored: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if stored >= total else ""
        sys.stderr.write(f"\r{platform}: {stored} of {total} charts{end}")
        sys.stderr.flush()
