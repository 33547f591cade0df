"""How long each GET route and each page takes on a large warehouse, and how many statements it asks.

    python -m benchmarks.operating [--scale 1.0] [--repeat 7] [--only TEXT ...] [--out FOLDER] [--keep FOLDER]

The warehouse (`large.py`), at --scale 1: 1,000 followed charts of 11,000, 100,000 tracks, 10 million audience points,
100,000 executions, 3 million call records. The app is served by uvicorn in a process of its own and asked over HTTP;
the routes and what pages ask are `asked.py`'s, which lets none of the app's be left out. Each is asked a dozen times
to warm up (by then its statements are prepared and may be planned without their values), then --repeat times; the
median counts. Ratios are to the floor: `select 1` by the same app, guard and pool. A page is its shell and the calls
that its scripts make until it is drawn, six at a time as a browser does.

With --keep the warehouse stays and is taken up again, with the same --scale.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

import httpx
from benchmarks import asked
from benchmarks.common import REPOSITORY, machine, parser, report, table, work_folder
from benchmarks.counted import HEADER
from benchmarks.large import ARTIST, STALE_ARTIST, STALE_TRACK, TRACK, Sizes, seed

from chartline.local.ports import free_port
from chartline.local.postgres import LocalPostgres
from chartline.warehouse import schema, usage
from chartline.warehouse.connect import connect

FLOOR = "/api/floor/"
WARM = 12
SIDE_BY_SIDE = 6
START_SECONDS = 90
SLOW_MS = 200


class Asked:
    """One question's times in ms, the most statements of one answer, and the answer's bytes."""

    def __init__(self, name: str, ms: Sequence[float], statements: int, size: int) -> None:
        self.name, self.ms, self.statements, self.size = name, ms, statements, size

    def row(self, floor: float) -> tuple[str, float, float, float, int, int]:
        """For the table."""
        middle = median(self.ms)
        return shortened(self.name), middle, max(self.ms), middle / floor, self.statements, self.size


def shortened(address: str) -> str:
    """An address as it is told of."""
    known = {TRACK: "{track}", STALE_TRACK: "{stale}", ARTIST: "{artist}", STALE_ARTIST: "{stale}"}
    for uuid, name in known.items():
        address = address.replace(uuid, name)
    return address


def asking(client: httpx.Client, address: str) -> tuple[int, int]:
    """Statements and bytes of an answer. Raises when it is none."""
    answer = client.get(f"/chartline{address}")
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}: {answer.text[:500]}")
    return int(answer.headers[HEADER.decode()]), len(answer.content)


def page(client: httpx.Client, pool: ThreadPoolExecutor, steps: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Statements and bytes of a whole page."""
    answers = [answer for step in steps for answer in pool.map(partial(asking, client), step)]
    return sum(statements for statements, _ in answers), sum(size for _, size in answers)


def timed(name: str, ask: Callable[[], tuple[int, int]], repeat: int) -> Asked:
    """Ask to warm up, then count."""
    for _ in range(WARM):
        ask()
    ms, answers = [], []
    for _ in range(repeat):
        started = time.perf_counter()
        answers.append(ask())
        ms.append(1000 * (time.perf_counter() - started))
    return Asked(name, ms, max(statements for statements, _ in answers), answers[-1][1])


@contextmanager
def serving(url: str, folder: Path) -> Iterator[httpx.Client]:
    """The app on this warehouse, and who asks it."""
    port = free_port()
    account = {"conn_type": "http", "host": "http://127.0.0.1:9", "login": "benchmark", "password": "benchmark"}
    env = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "include"), str(REPOSITORY / "plugins")]),
        "CHARTLINE_WAREHOUSE_URL": url,
        "AIRFLOW_CONN_SOUNDCHARTS": json.dumps(account),  # refused at once, and known for a minute
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.served", str(port)], env=env, cwd=REPOSITORY)
    try:
        limits = httpx.Limits(max_connections=SIDE_BY_SIDE, max_keepalive_connections=SIDE_BY_SIDE)
        headers = {"Authorization": "Bearer benchmark"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, limits=limits, timeout=60) as client:
            _wait(client, server)
            yield client
    finally:
        server.terminate()
        server.wait(30)


def _wait(client: httpx.Client, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            asking(client, FLOOR)
            return
        except httpx.TransportError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def questions(execution: int) -> dict[str, tuple[str, ...]]:
    """What is asked of each route, of exactly those that the app has."""
    from chartline_airflow.web.app import create_app  # takes Airflow with it

    return asked.of(create_app(), execution)


def main() -> int:
    """Run the benchmark."""
    options = parser(__doc__)
    options.add_argument("--scale", type=float, default=1.0, help="of the warehouse's size, default 1.0")
    options.add_argument("--repeat", type=int, default=7, help="times that each is asked, default 7")
    options.add_argument("--only", nargs="*", default=(), help="those whose address holds one of these")
    given = options.parse_args()
    on = machine()
    sizes = Sizes().scaled(given.scale)
    with work_folder(given.keep) as folder, LocalPostgres(folder / "postgres", durable=False) as server:
        os.environ["AIRFLOW_HOME"] = str(folder / "airflow")
        examples = questions(sizes.execution)
        url = server.url("postgres")
        schema.migrate(url)
        made, rolled = _filled(url, sizes)
        with serving(url, folder) as client, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            floors = [timed(FLOOR, lambda: asking(client, FLOOR), 50)]
            routes, pages = [], []
            for address in (address for of_route in examples.values() for address in of_route):
                if not given.only or any(part in address for part in given.only):
                    routes.append(timed(address, partial(asking, client, address), given.repeat))
            for path, steps in asked.pages(sizes.execution).items():
                if not given.only or any(part in steps[0][0] for part in given.only):
                    calls = sum(len(step) for step in steps)
                    name = f"{path}  ({calls - 1} calls)"
                    pages.append(timed(name, partial(page, client, pool, steps), given.repeat))
            floors.append(timed(FLOOR, lambda: asking(client, FLOOR), 50))
    floor = median(ms for one in floors for ms in one.ms)
    head = ("median ms", "most ms", "/ floor", "queries", "bytes")
    table(f"routes (floor: {floor:.2f} ms)", ("", *head), [one.row(floor) for one in routes])
    table("pages", ("", *head), [one.row(floor) for one in pages])
    slow = [shortened(one.name) for one in routes + pages if median(one.ms) > SLOW_MS]
    print(f"\nmore than {SLOW_MS} ms: {', '.join(slow) or 'none'}")
    result = {
        "sizes": vars(sizes) | {"points": sizes.points},
        "seed": made,
        "roll_up": rolled,
        "floor_ms": floor,
        "routes": [vars(one) for one in routes],
        "pages": [vars(one) for one in pages],
    }
    report("operating", given.out, result, on)
    return 0


def _filled(url: str, sizes: Sizes) -> tuple[dict[str, float], float]:
    """Fill the warehouse, unless it is, and sum up its calls as housekeeping does; the seconds of both."""
    made: dict[str, float] = {}
    with connect(url) as conn:
        conn.autocommit = True
        if conn.execute("select from chartline.chart limit 1").fetchone() is None:
            print(f"making {sizes.points:,} audience points and all else", flush=True)
            started = time.monotonic()
            made = seed(conn, sizes, told=True)
            print(f"  all of it        {time.monotonic() - started:6.1f} s", flush=True)
        started = time.monotonic()
        days = usage.roll_up(conn, datetime.now(UTC).date())
        rolled = time.monotonic() - started
        conn.execute("analyze chartline.api_usage")
    print(f"  {days} days of calls summed up in {rolled:.1f} s", flush=True)
    return made, rolled


if __name__ == "__main__":
    sys.exit(main())
