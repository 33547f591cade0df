"""What the answers looked like goes from this process's memory into the warehouse, now and then."""

from __future__ import annotations

from chartline.soundcharts import drift as counting
from chartline.warehouse import drift
from chartline.warehouse.connect import Connection


def keep(conn: Connection) -> None:
    """Keep what was counted since the last time, in a short transaction of its own. `conn` is in autocommit.

    Not with the items: all processes add to the same rows, and would wait for each other.
    """
    seen = counting.SEEN.take()
    if seen.came or seen.odd:
        with conn.transaction():
            drift.keep(conn, seen)
