"""Gaps in words: a line for each finding, and a table."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import groupby

from chartline.gaps.audit import ChartGaps

HELD = (
    "its history waits for approval: trigger chartline.gap_audit in Airflow, or wait for its daily run, and answer "
    "under Required actions"
)


def ranges(days: Iterable[date], most: int = 10) -> str:
    """Days for people: `2026-03-01 to 2026-03-05, 2026-03-09`; of more than `most` stretches the newest."""
    ordered = sorted(set(days))
    stretches = [
        [day for _, day in group]
        for _, group in groupby(enumerate(ordered), key=lambda numbered: numbered[1].toordinal() - numbered[0])
    ]
    told = [f"{of[0]} to {of[-1]}" if len(of) > 1 else str(of[0]) for of in stretches[-most:]]
    hidden = sum(map(len, stretches[:-most]))
    return ", ".join([f"{hidden} earlier"] * bool(hidden) + told)


def findings(chart: ChartGaps, owes: str = "") -> list[str]:
    """What is wrong with a chart, a line each; none when it is complete. owes: why it is overdue, "" where it is
    not."""
    told = [
        f"missing {len(chart.missing)}: {ranges(chart.missing)}" if chart.missing else "",
        f"short {len(chart.short)}: {ranges(chart.short)}" if chart.short else "",
        f"failed when last fetched {len(chart.failed)}: {ranges(chart.failed)}" if chart.failed else "",
        f"being fetched now {len(chart.busy)}: {ranges(chart.busy)}" if chart.busy else "",
        f"absent from the calendar {len(chart.absent)}: {ranges(chart.absent)}" if chart.absent else "",
        f"wanted from {chart.first}, but Soundcharts begins on {chart.begins}" if chart.begins else "",
        owes,
        HELD if chart.history_held else "",
        "" if chart.is_active else "its schedule is not active",
    ]
    return [line for line in told if line]


def table(charts: Iterable[ChartGaps]) -> str:
    """The charts in a table for a log, those that lack most first."""
    head = ("CHART", "FROM", "TO", "LISTED", "STORED", "MISSING", "SHORT", "ABSENT")
    rows = [
        (c.slug, c.first, c.last, c.listed, c.stored, len(c.missing), len(c.short), len(c.absent))
        for c in sorted(charts, key=lambda c: (-len(c.missing) - len(c.short), c.slug))
    ]
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)
