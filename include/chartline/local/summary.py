"""What `bin/up` says at the end: what is stored, what it cost, where to look."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter

import psycopg
from rich.console import RenderableType
from rich.table import Table

from chartline.cascade.resources import RESOURCES, series_tables
from chartline.domain.schedule import Schedule
from chartline.local.stack import Stack
from chartline.settings import settings
from chartline.warehouse import schedules
from chartline.warehouse.connect import connect
from chartline.warehouse.reads import progress
from chartline.wording import counted


def addresses(stack: Stack, *, with_password: bool) -> str:
    """Where to log in, and how to reach the warehouse. `with_password`: show it, at a terminal's first start."""
    told = f", password {stack.secrets.admin}" if with_password else ""
    lines = [
        f"Airflow     {stack.airflow.web}   user admin{told}",
        f"            passwords (admin, and viewer who may only look): {stack.logins}",
        "Warehouse   bin/chartline psql",
        "Charts      bin/chartline --help",
    ]
    if stack.simulates:
        opened = shlex.quote(f"@{stack.simulator_header}")
        lines.append(f"Simulator   curl --noproxy '*' -H {opened} {stack.simulator_url}/_control/settings")
    return "\n".join(["", *lines, ""])


def report(stack: Stack, *, seconds: float, first: bool) -> list[RenderableType]:
    """Per followed chart what the warehouse holds and what it cost. `first`: the warehouse was empty at the start."""
    with connect(stack.warehouse_url) as conn:
        charts, look_ups = progress.charts(conn), progress.look_ups(conn)
        held = progress.holdings(conn, series_tables())
        needed = calls_needed(stack, conn) if stack.simulates and first and charts else None
    if not charts:
        return ["No chart is followed yet. Follow one with: bin/chartline schedules add <chart>"]
    titles = ["chart", "day", "entries\nof total", "tracks", "artists", "audience\npoints", "calls\nmade"]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for number, title in enumerate([*titles, *(["calls\nneeded"] if needed is not None else [])]):
        table.add_column(title, justify="left" if number < 2 else "right", no_wrap=True)
    for chart in charts:
        holding = held.get(chart.slug, progress.Holding(chart.slug, 0, 0, 0))
        spent = chart.calls + look_ups.get(chart.slug, 0)
        numbers = [holding.tracks, holding.artists, holding.points, spent]
        numbers += [sum(needed.get(chart.slug, {}).values())] if needed is not None else []
        stored = f"{chart.entries + chart.left_chart} of {chart.total}"
        table.add_row(chart.slug, str(chart.day or "-"), stored, *(f"{number:,}" for number in numbers))
    return [table, _cost(stack, sum(chart.calls for chart in charts), needed, seconds)]


def _cost(stack: Stack, recorded: int, needed: dict[str, dict[str, int]] | None, seconds: float) -> str:
    if not stack.simulates:
        return f"{counted(recorded, 'call')} for these charts so far."
    made = calls_made(stack)
    if needed is None:
        return f"The simulator has counted {counted(made, 'call')} since this start."
    wanted = sum(sum(counts.values()) for counts in needed.values())
    return (
        f"Filled in {seconds:.0f} s. Calls made: {made:,}, counted by the simulator. Calls needed: {wanted:,}, "
        f"worked out from its data."
    )


def calls_made(stack: Stack) -> int:
    """Calls that reached the simulator since it was started, counted by the simulator itself."""
    return int(stack.simulator_api("GET", "/_control/counts")["total"])


def calls_needed(stack: Stack, conn: psycopg.Connection) -> dict[str, dict[str, int]]:
    """Calls that a complete first fill of the followed charts needs, by chart and endpoint, from the simulator's truth.

    From the warehouse it takes only which charts are followed and how, and which of them was first to pay for what
    they share: a batch holds ten, so the sum depends a little on who leaves how many to whom.
    """
    followed = [schedule for row in schedules.rows(conn) if (schedule := Schedule.of(row)).is_active]
    charts = [_ask(schedule) for schedule in followed]
    slugs = [schedule.slug for schedule in followed]
    needed: dict[str, dict[str, int]] = stack.simulator_api("POST", "/_truth/needed", {"charts": charts})
    for resource in RESOURCES.values():  # the order of its own subject decides who pays for what charts share
        endpoint, order = resource.endpoint.name, f"{resource.subject}_order"
        first = payers(slugs, progress.paid_for(conn, endpoint))
        if first == slugs:
            continue
        answer = stack.simulator_api("POST", "/_truth/needed", {"charts": charts, order: first})
        for slug in slugs:
            needed[slug][endpoint] = answer[slug].get(endpoint, 0)
    return needed


def payers(slugs: Sequence[str], paid: Iterable[tuple[str, str]]) -> list[str]:
    """The charts in an order in which each comes after those that paid for something it has too.

    Two that paid for each other (something was fetched twice) keep the order of `slugs`: the sum will tell.
    """
    pairs = set(paid)
    after = {
        slug: [payer for payer in slugs if (payer, slug) in pairs and (slug, payer) not in pairs] for slug in slugs
    }
    try:
        return list(TopologicalSorter(after).static_order())
    except CycleError:
        return list(slugs)


def _ask(schedule: Schedule) -> dict[str, object]:
    flags = ("fetch_track_metadata", "fetch_artist_metadata", "fetch_track_audience", "fetch_artist_audience")
    own = settings()
    return {"slug": schedule.slug, "cities": own.artist_cities, "window_days": own.audience_window_days} | {
        name: schedule.settings[name] for name in (*flags, "track_platforms", "artist_platforms")
    }
