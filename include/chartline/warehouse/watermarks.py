"""How far something regular has come: one moment for each."""

from __future__ import annotations

from datetime import datetime

from chartline.warehouse.connect import Connection

SERIES = "series"
"""Checks of series: what was fetched later is new to them."""
LOOK = "look"
"""The last time that everything was looked at for alerts."""


def advance(conn: Connection, name: str, to: datetime | None = None) -> None:
    """It has come so far; to: default now, by the database's clock. Never back."""
    conn.execute(
        """insert into chartline.watermark as w (kind, at) values (%s, coalesce(%s, now()))
           on conflict (kind) do update set at = greatest(w.at, excluded.at)""",
        (name, to),
    )


def forget(conn: Connection, name: str) -> None:
    """It begins anew."""
    conn.execute("delete from chartline.watermark where kind = %s", [name])


def seconds_since(conn: Connection, name: str) -> float | None:
    """How long ago that was, by the database's clock; None: never."""
    row = conn.execute(
        "select extract(epoch from now() - at) from chartline.watermark where kind = %s", [name]
    ).fetchone()
    return float(row[0]) if row else None
