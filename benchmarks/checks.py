"""What checks of the data cost.

    python -m benchmarks.checks [--days 120] [--entries 200] [--out FOLDER]

A chart is filled by the core, without Airflow. `all of it`: every ranking and series for the first time; `one new
ranking`: a look after one ranking came, which is what each ranking costs; `nothing new`: what each look costs.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.common import machine, parser, report, table, warehouse, work_folder
from benchmarks.replay import filled, opened

from chartline.checks import looking

REPEATS = 15


def measure(folder: Path, days: int, entries: int) -> list[dict[str, Any]]:
    """One row for each kind of look."""
    with warehouse(folder) as url, opened(url) as conn:
        filled(url, charts=1, days=days, entries=entries)
        conn.execute("analyze")
        whole = looking.look(conn, seconds=600)
        found = [{"look": f"all of it: {whole.rankings} rankings, {whole.series} series", "ms": 1000 * whole.seconds}]
        conn.execute("update chartline.watermark set at = now()")
        newest = "select id from chartline.chart_ranking order by day desc limit 1"
        times: dict[str, list[float]] = {"one new ranking": [], "nothing new": []}
        for _ in range(REPEATS):
            conn.execute(
                f"update chartline.chart_ranking set fetched_at = fetched_at + interval '1 s' where id = ({newest})"
            )
            for what in times:
                done = looking.look(conn)
                if done.rankings != (what == "one new ranking"):
                    raise SystemExit(f"{what}: {done.rankings} rankings were looked at.")
                times[what].append(1000 * done.seconds)
        return found + [{"look": what, "ms": median(several)} for what, several in times.items()]


def main() -> None:
    """Measure and print."""
    own = parser(__doc__)
    own.add_argument("--days", type=int, default=120)
    own.add_argument("--entries", type=int, default=200)
    given = own.parse_args()
    on = machine()
    with work_folder(given.keep) as folder:
        found = measure(folder, given.days, given.entries)
    table(f"A chart of {given.days} days", ["look", "ms"], [[one["look"], one["ms"]] for one in found])
    report("checks", given.out, {"looks": found}, on)


if __name__ == "__main__":
    main()
