"""How fast rows get into the warehouse: the merge against a plain COPY and against one INSERT for each row.

    python -m benchmarks.store [--rows 1000 100000] [--repeats 3] [--out FOLDER]

Rows are audience points of tracks. Floor: COPY into a temporary table without index, rule or conflict. Peer: psycopg's
executemany with ON CONFLICT, one row each. Merging the same rows again, unchanged, must not write them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

from benchmarks.common import machine, parser, report, table, warehouse, work_folder

from chartline.warehouse.connect import Connection, connect
from chartline.warehouse.merge import Merged, merge
from chartline.warehouse.partitions import ensure_months
from chartline.warehouse.tables import TRACK_AUDIENCE

Rows = list[dict[str, Any]]

COLUMNS = ("track", "platform", "day", "identifier", "value")
MADE = f"insert into chartline.track_audience ({', '.join(COLUMNS)}) values (%s, %s, %s, %s, %s)"
PEER = f"""{MADE} on conflict (track, platform, day, identifier) do update set value = excluded.value
           where track_audience.value is distinct from excluded.value"""
WAYS = ("copy", "merge", "merge again", "merge changed", "executemany", "executemany again")


def points(count: int, add: int = 0) -> Rows:
    """Points of 90 days for as many tracks as it takes."""
    today = datetime.now(UTC).date()
    return [
        {
            "track": str(UUID(int=n // 90)),
            "platform": "spotify",
            "day": today - timedelta(days=n % 90),
            "identifier": "1",
            "value": 1_000_000 + n + add,
        }
        for n in range(count)
    ]


def by_copy(conn: Connection, rows: Rows) -> None:
    """The floor."""
    conn.execute("create temp table floor (like chartline.track_audience) on commit drop")
    with conn.cursor() as cursor, cursor.copy(f"copy floor ({', '.join(COLUMNS)}) from stdin") as copy:
        for row in rows:
            copy.write_row([row[column] for column in COLUMNS])


def by_merge(conn: Connection, rows: Rows) -> Merged:
    """What Chartline does."""
    ensure_months(conn, TRACK_AUDIENCE.name, {row["day"] for row in rows})
    return merge(conn, TRACK_AUDIENCE, rows)


def by_executemany(conn: Connection, rows: Rows) -> None:
    """The peer."""
    with conn.cursor() as cursor:
        cursor.executemany(PEER, [[row[column] for column in COLUMNS] for row in rows])


def timed(conn: Connection, way: Callable[[Connection, Rows], Any], rows: Rows) -> tuple[float, Any]:
    """Seconds of one transaction, and what the way returned."""
    begun = time.perf_counter()
    with conn.transaction():
        done = way(conn, rows)
    return time.perf_counter() - begun, done


def once(conn: Connection, count: int) -> dict[str, float]:
    """Seconds of each way with `count` rows, the table empty before each first write."""
    rows, changed = points(count), points(count, add=1)
    took = {}
    conn.execute("truncate chartline.track_audience")
    took["copy"], _ = timed(conn, by_copy, rows)
    for way, told, expected in (("merge", rows, count), ("merge again", rows, 0), ("merge changed", changed, count)):
        took[way], merged = timed(conn, by_merge, told)
        if merged.written != expected:
            raise SystemExit(f"{way}: {merged.written} rows were written, not {expected}.")
    conn.execute("truncate chartline.track_audience")
    took["executemany"], _ = timed(conn, by_executemany, rows)
    took["executemany again"], _ = timed(conn, by_executemany, rows)
    return took


def measure(folder: Path, counts: list[int], repeats: int) -> list[dict[str, Any]]:
    """One row for each way and number of rows: the median."""
    found = []
    with warehouse(folder) as url, connect(url) as conn:
        conn.autocommit = True
        once(conn, 10)  # what is loaded and made once
        for count in counts:
            tries = [once(conn, count) for _ in range(repeats)]
            middle = {way: median(one[way] for one in tries) for way in WAYS}
            found += [
                {
                    "rows": count,
                    "way": way,
                    "seconds": middle[way],
                    "rows_per_second": count / middle[way],
                    "times_the_floor": middle[way] / middle["copy"],
                }
                for way in WAYS
            ]
    return found


def main() -> None:
    """Measure and print."""
    own = parser(__doc__)
    own.add_argument("--rows", type=int, nargs="+", default=[1000, 100_000])
    own.add_argument("--repeats", type=int, default=3)
    given = own.parse_args()
    on = machine()
    with work_folder(given.keep) as folder:
        found = measure(folder, given.rows, given.repeats)
    table(
        "Rows into track_audience",
        ["rows, way", "seconds", "rows/s", "times the floor"],
        [[f"{f['rows']:,} {f['way']}", f["seconds"], f["rows_per_second"], f["times_the_floor"]] for f in found],
    )
    report("store", given.out, {"rows": found}, on)


if __name__ == "__main__":
    main()
