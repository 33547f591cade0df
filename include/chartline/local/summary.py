"""What `bin/up` says at the end: what is stored, what it cost, where to look."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from chartline.local.postgres import binaries
from chartline.local.stack import Stack
from chartline.schedules.model import Schedule
from chartline.warehouse import progress, schedules
from chartline.warehouse.connect import connect

SHARED = {"track_order": "song", "artist_order": "artist"}  # who pays for what charts share, by its first call


def addresses(stack: Stack) -> RenderableType:
    """Where to log in, and how to reach the warehouse."""
    lines = [
        f"Airflow     {stack.airflow.web}   user admin, password {stack.secrets.admin}",
        f"            passwords (admin, and viewer who may only look): {stack.logins}",
        f'Warehouse   {binaries() / "psql"} "$(cat {stack.warehouse_url_file})"',
        "Charts      bin/chartline --help",
    ]
    if stack.simulates:
        lines.append(f"Simulator   {stack.simulator_url}/_control/settings")
    return Text("\n".join(["", *lines, ""]))


def report(stack: Stack, *, seconds: float, first: bool) -> RenderableType:
    """Per followed chart what the warehouse holds and what it cost. `first`: the warehouse was empty at the start."""
    with connect(stack.warehouse_url) as conn:
        charts, held = progress.charts(conn), progress.holdings(conn)
        needed = calls_needed(stack, conn) if stack.simulates and first and charts else None
    if not charts:
        return Text("No chart is followed yet. Follow one with: bin/chartline schedules add <chart>")
    titles = ["chart", "day", "entries stored", "API's total", "tracks", "artists", "audience points", "calls made"]
    table = Table(*titles, *(["calls needed"] if needed is not None else []), box=None, pad_edge=False)
    for column in table.columns[2:]:
        column.justify = "right"
    for chart in charts:
        holding = held.get(chart.slug, progress.Holding(chart.slug, 0, 0, 0))
        numbers = [chart.entries + chart.left_chart, chart.total, holding.tracks, holding.artists, holding.points]
        numbers += [chart.calls] + ([sum(needed.get(chart.slug, {}).values())] if needed is not None else [])
        table.add_row(chart.slug, str(chart.day or "-"), *(f"{number:,}" for number in numbers))
    return Group(table, Text(_cost(stack, sum(chart.calls for chart in charts), needed, seconds)))


def _cost(stack: Stack, recorded: int, needed: dict[str, dict[str, int]] | None, seconds: float) -> str:
    if not stack.simulates:
        return f"{recorded:,} calls by these charts so far."
    made = calls_made(stack)
    if needed is None:
        return f"The simulator counted {sum(made.values()):,} calls since this start."
    wanted = {endpoint for counts in needed.values() for endpoint in counts}
    filling = sum(count for endpoint, count in made.items() if endpoint in wanted)
    rest = sum(made.values()) - filling
    line = f"Filled in {seconds:.0f} s. Calls made: {filling:,}, counted by the simulator"
    line += f" ({rest} more looked the charts up)" if rest else ""
    return f"{line}. Calls needed: {sum(sum(counts.values()) for counts in needed.values()):,}, by its truth."


def calls_made(stack: Stack) -> dict[str, int]:
    """Calls that reached the simulator since it was started, by endpoint: its count, not the client's."""
    endpoints = stack.simulator_api("GET", "/_control/counts")["endpoints"]
    return {name: row["calls"] for name, row in endpoints.items()}


def calls_needed(stack: Stack, conn: psycopg.Connection) -> dict[str, dict[str, int]]:
    """Calls that a complete first fill of the followed charts needs, by chart and endpoint, from the simulator's truth.

    From the warehouse it takes only which charts are followed and how, and who asked first for what they share.
    """
    followed = [Schedule.of(row) for row in schedules.rows(conn)]
    slugs = [schedule.slug for schedule in followed if schedule.is_active]
    ask = {"charts": [_ask(schedule) for schedule in followed if schedule.is_active]} | {
        name: _whole(progress.order_of_first_calls(conn, endpoint), slugs) for name, endpoint in SHARED.items()
    }
    needed: dict[str, dict[str, int]] = stack.simulator_api("POST", "/_truth/needed", ask)
    return needed


def _ask(schedule: Schedule) -> dict[str, object]:
    flags = ("fetch_track_metadata", "fetch_artist_metadata", "fetch_track_audience", "fetch_artist_audience")
    return {"slug": schedule.slug} | {
        name: schedule.settings[name] for name in (*flags, "track_platforms", "artist_platforms")
    }


def _whole(first: Sequence[str], slugs: Sequence[str]) -> list[str]:
    """Those that called, in order, then those that found everything there already."""
    return [slug for slug in first if slug in slugs] + [slug for slug in slugs if slug not in first]
