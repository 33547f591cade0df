"""How fast raw answers become rows again.

    python -m benchmarks.replay [--charts 3] [--days 30] [--entries 200] [--out FOLDER]

Charts are filled from a simulator by the core, without Airflow; then the tables are emptied and the answers replayed,
and replayed once more over what is there. Floor: each row of the largest tables by COPY into a table without index,
rule or conflict, from memory. Calls of the replay: none.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from benchmarks.common import machine, parser, report, table, warehouse, work_folder
from psycopg import sql

from chartline.cascade import artists, ranking, tracks
from chartline.cascade import report as reporting
from chartline.cascade.engine import Engine
from chartline.cascade.replay import ReplayAsk, replay
from chartline.cascade.run import Run
from chartline.domain.asks import CascadeAsk
from chartline.settings import Settings
from chartline.soundcharts.account import ApiAccount
from chartline.soundcharts.client import SoundchartsClient
from chartline.soundcharts.limiter import NoLimiter
from chartline.warehouse import executions
from chartline.warehouse.connect import Connection, connect
from chartline.warehouse.ledger import Batch
from chartline.warehouse.tables import MERGED
from simulator.app import create_app
from simulator.service import Service
from simulator.world import World

LARGE = ("track_audience", "artist_audience", "chart_ranking_entry", "track_airplay")


def opened(url: str) -> Connection:
    """A connection in autocommit."""
    conn = connect(url)
    conn.autocommit = True
    return conn


def filled(url: str, *, charts: int, days: int, entries: int) -> int:
    """Fill a warehouse with the last days of the demo charts and the audience of the newest; the calls it took."""
    service = Service(World(entries=entries, charts=0, album_charts=0, demo_charts=max(charts, 3)))
    server = uvicorn.Server(uvicorn.Config(create_app(service), port=0, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    settings = Settings()
    account = ApiAccount(f"http://127.0.0.1:{port}", "soundcharts", "soundcharts", connections=8)

    def client() -> SoundchartsClient:
        return SoundchartsClient(account, limiter=NoLimiter(), settings=settings)

    def fetch(one: Run, batches: list[Batch]) -> None:
        for batch in batches:
            with client() as api:
                Engine(one.connect, api, one.execution, settings).run(batch)

    def run(slug: str, name: str, **config: Any) -> None:
        ask = CascadeAsk.from_config({"chart": slug, **config})
        with opened(url) as conn:
            execution = executions.open_execution(
                conn, dag_id="benchmark", run_id=f"{slug} {name}", chart_slug=slug, trigger="manual"
            )
            execution = executions.fix_settings(conn, execution, ask.model_dump(mode="json"))
        one = Run(execution, lambda: opened(url), client, settings, service.clock.now)
        fetch(one, tracks.upsert_tracks(one, ranking.fetch_ranking(one)))
        fetch(one, artists.dedupe_artists(one))
        fetch(one, tracks.plan_track_audience(one))
        fetch(one, artists.plan_artist_audience(one))
        reporting.report_run(one, [])

    try:
        for chart in service.world.charts()[:charts]:
            there = service.world.days(chart.slug, datetime.now(UTC))[:days]
            run(chart.slug, "now")
            run(chart.slug, "past", days=[day.isoformat() for day in there[1:]])
        return len(list(service.counts.log()))
    finally:
        server.should_exit = True
        thread.join(10)


def rows_of(conn: Connection) -> int:
    """Rows of all tables that answers fill."""
    total = 0
    for name in MERGED:
        row = conn.execute(sql.SQL("select count(*) from {}").format(sql.Identifier("chartline", name))).fetchone()
        total += row[0] if row else 0
    return total


def floor(conn: Connection) -> tuple[int, float]:
    """Rows of the large tables, and seconds of a bare COPY of them."""
    count, seconds = 0, 0.0
    for name in LARGE:
        rows = conn.execute(sql.SQL("select * from {}").format(sql.Identifier("chartline", name))).fetchall()
        conn.execute(
            sql.SQL("create temp table floor_{0} as select * from chartline.{0} with no data").format(sql.SQL(name))
        )
        begun = time.perf_counter()
        with conn.cursor() as cursor, cursor.copy(sql.SQL("copy floor_{} from stdin").format(sql.SQL(name))) as copy:
            for row in rows:
                copy.write_row(row)
        seconds += time.perf_counter() - begun
        count += len(rows)
    return count, seconds


def measure(folder: Path, charts: int, days: int, entries: int) -> list[dict[str, Any]]:
    """One row for each way."""
    with warehouse(folder) as url, opened(url) as conn:
        calls = filled(url, charts=charts, days=days, entries=entries)
        rows = rows_of(conn)
        count, seconds = floor(conn)
        best = count / seconds
        found: list[dict[str, Any]] = [{"way": f"COPY, {count:,} rows", "rows": count, "seconds": seconds}]
        names = sql.SQL(", ").join(sql.Identifier("chartline", name) for name in MERGED)
        conn.execute(sql.SQL("truncate {} cascade").format(names))
        for way in (f"replay of {calls:,} answers", "replay over what is there"):
            begun = time.perf_counter()
            done = replay(conn, conn, ReplayAsk(), Settings())
            found.append({"way": way, "rows": rows, "seconds": time.perf_counter() - begun})
            if done.failed or rows_of(conn) != rows:
                raise SystemExit(f"{way}: {rows_of(conn):,} rows instead of {rows:,}, {done.failed} not read.")
        for one in found:
            one["rows_per_second"] = one["rows"] / one["seconds"]
            one["times_the_floor"] = best / one["rows_per_second"]
        return found


def main() -> None:
    """Measure and print."""
    own = parser(__doc__)
    own.add_argument("--charts", type=int, default=3)
    own.add_argument("--days", type=int, default=30)
    own.add_argument("--entries", type=int, default=200)
    given = own.parse_args()
    on = machine()
    with work_folder(given.keep) as folder:
        found = measure(folder, given.charts, given.days, given.entries)
    table(
        f"{given.charts} charts of {given.days} days",
        ["way", "rows", "seconds", "rows/s", "times the floor"],
        [[f["way"], f["rows"], f["seconds"], f["rows_per_second"], f["times_the_floor"]] for f in found],
    )
    report("replay", given.out, {"ways": found}, on)


if __name__ == "__main__":
    main()
