"""What a call leaves behind in bytes: rows with their indexes, and the raw answer for as long as it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import costs

PARTS: dict[str, tuple[str, ...]] = {
    "chart_ranking_entry": ("chart_ranking_entry",),
    "track": ("track", "track_artist", "track_genre", "track_label", "track_credit"),
    "artist": ("artist", "artist_genre"),
    "track_audience": ("track_audience",),
    "artist_audience": ("artist_audience",),
    "track_airplay": ("track_airplay",),
    "artist_airplay": ("artist_airplay",),
    "raw_answer": ("raw_answer",),
}
"""A thing is a row of the first table with all that the others hold of it."""

USUAL = {
    "chart_ranking_entry": 165,
    "track": 1_900,
    "artist": 930,
    "track_audience": 220,
    "artist_audience": 200,
    "track_airplay": 180,
    "artist_airplay": 180,
    "raw_answer": 5_000,
}
"""Bytes a row, as measured on the simulator's demo charts: for tables that hold too little to be asked."""

PER_CALL = {
    "track_metadata": ("track", 10),
    "artist_metadata": ("artist", 10),
    "track_audience": ("track_audience", 80),
    "track_airplay": ("track_airplay", 40),
    "artist_audience": ("artist_audience", 110),
    "artist_listeners": ("artist_audience", 90),
    "artist_airplay": ("artist_airplay", 60),
    "artist_local_followers": ("artist_audience", 300),
    "artist_local_streaming": ("artist_audience", 300),
}
"""Rows that a call brings, as measured there."""

ENOUGH = 1_000
"""Rows from which a table's own average counts."""


@dataclass(frozen=True)
class Weights:
    """Bytes a row by table; `places`: entries of the chart's ranking."""

    row: dict[str, float]
    places: int

    @classmethod
    def of(cls, conn: Connection, places: int) -> Self:
        """The warehouse's own averages, and what is usual for tables that hold little."""
        found = costs.row_bytes(conn, sorted({table for parts in PARTS.values() for table in parts}))
        row = {}
        for thing, parts in PARTS.items():
            count = found[thing][1]
            row[thing] = sum(found[part][0] for part in parts) / count if count >= ENOUGH else USUAL[thing]
        return cls(row, places)

    def of_calls(self, kind: str, calls: int) -> int:
        """Bytes that so many calls of a kind (`ranking`, `track_audience spotify`) leave behind."""
        name = kind.split()[0]
        if name == "calendar":
            return int(calls * self.row["raw_answer"])
        table, rows = PER_CALL.get(name, ("chart_ranking_entry", min(self.places, 100)))
        return int(calls * (rows * self.row[table] + self.row["raw_answer"]))
