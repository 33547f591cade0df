"""What a call leaves behind in bytes: rows with their indexes, and the raw answer for as long as it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from chartline.cascade import resources
from chartline.cascade.resources import Weight
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import costs

RAW = Weight(("raw_answer",), rows=1, size=5_000)
"""Of every call."""

ENOUGH = 1_000
"""Rows from which a table's own average counts."""


@dataclass(frozen=True)
class Weights:
    """Bytes a row by table; `places`: entries of the chart's ranking, 0 where there is none."""

    row: dict[str, float]
    places: int

    @classmethod
    def of(cls, conn: Connection, places: int) -> Self:
        """The warehouse's own averages, and what is usual for tables that hold little."""
        known = [RAW, *(entry.weight for entry in resources.entries() if entry.weight)]
        sizes = costs.row_bytes(conn, sorted({table for weight in known for table in weight.tables}))
        row = {}
        for weight in known:
            count = sizes[weight.tables[0]][1]
            size = sum(sizes[table][0] for table in weight.tables)
            row[weight.tables[0]] = size / count if count >= ENOUGH else weight.size
        return cls(row, places)

    def of_calls(self, kind: str, calls: int) -> int:
        """Bytes that so many calls of a kind (`ranking`, `track_audience spotify`) leave behind."""
        entry = resources.entry(kind.split()[0])
        left = RAW.rows * self.row["raw_answer"]
        if entry.weight:
            rows = entry.weight.rows if entry.subject != "chart" else min(self.places, entry.weight.rows)
            left += rows * self.row[entry.weight.tables[0]]
        return int(calls * left)
