"""How fast the shared minute limit hands out calls, and whether it keeps its promise with many processes.

    python -m benchmarks.limiter [--seconds 3] [--out FOLDER]

Speed: slots a second, with a limit so high that it never makes anyone wait. Floor: the same number of processes that
do nothing but update one row; the limiter takes several slots with each update, so it may well be faster.
Promise: with a limit that does make them wait, no window of the limit's length holds more calls than the limit. To
see many windows in a short time the minute is made shorter, for the limiter's arithmetic and for the check alike.
"""

from __future__ import annotations

import multiprocessing
import sys
import threading
import time
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from benchmarks.common import machine, parser, report, table, warehouse, work_folder

from chartline.soundcharts import limiter as limiter_module
from chartline.soundcharts.limiter import Pace
from chartline.warehouse.budget import PostgresLimiter

SHAPES = ((1, 1), (1, 8), (8, 1), (8, 4))  # processes, threads in each
UNLIMITED = 60_000_000  # calls a minute: a million a second
BUMP = "update chartline.api_budget set next_free = next_free + interval '1 microsecond' where account = %s"


# -- in the measuring processes ------------------------------------------------------------------------------


def slots(url: str, account: str, per_minute: int, window: float, until: float, threads: int) -> list[float]:
    """The times (of the machine's clock) at which the threads of one process got a slot."""
    limiter_module.WINDOW = window
    limiter = PostgresLimiter(url, account, per_minute)
    got: list[list[float]] = [[] for _ in range(threads)]

    def work(mine: list[float]) -> None:
        while True:
            limiter.acquire()
            now = time.time()
            if now >= until:
                return
            mine.append(now)

    workers = [threading.Thread(target=work, args=(mine,)) for mine in got]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    limiter.close()
    return list(chain.from_iterable(got))


def bumps(url: str, account: str, until: float) -> int:
    """How often one process, on a connection of its own, got to update the account's row."""
    done = 0
    with psycopg.connect(url, autocommit=True) as conn:
        while time.time() < until:
            conn.execute(BUMP, (account,))
            done += 1
    return done


def ready(_: int) -> None:
    """Gives a new process the time to load its modules before anything is measured."""
    time.sleep(0.1)


# -- measuring -----------------------------------------------------------------------------------------------


def speed(url: str, pool: Any, processes: int, threads: int, seconds: float) -> dict[str, Any]:
    """Slots and bare updates a second, one after the other."""
    account = f"speed-{processes}-{threads}"
    until = time.time() + 0.2 + seconds
    begun = time.time()
    took = pool.starmap(slots, [(url, account, UNLIMITED, 60.0, until, threads)] * processes)
    rate = sum(map(len, took)) / (until - begun)
    until, begun = time.time() + 0.2 + seconds, time.time()
    floor = sum(pool.starmap(bumps, [(url, account, until)] * processes)) / (until - begun)
    return {
        "processes": processes,
        "threads": threads,
        "slots_per_second": rate,
        "updates_per_second": floor,
        "slots_per_update": rate / floor,
    }


def promise(url: str, pool: Any, processes: int, threads: int, limit: int, window: float, windows: int) -> Any:
    """Calls of the fullest window against the limit, and how much of the limit was used on average."""
    until = time.time() + window * windows
    got = sorted(
        chain.from_iterable(
            pool.starmap(
                slots, [(url, f"promise-{processes}-{threads}", limit, window, until, threads)] * processes, chunksize=1
            )
        )
    )
    fullest, first = 0, 0
    for last, at in enumerate(got):
        while at - got[first] >= window:
            first += 1
        fullest = max(fullest, last - first + 1)
    return {
        "processes": processes,
        "threads": threads,
        "window": window,
        "limit": limit,
        "fullest": fullest,
        "kept": fullest <= limit,
        "used": len(got) / (got[-1] - got[0]) * window / limit,
        "usable": pace_share(limit, window),
    }


def pace_share(limit: int, window: float) -> float:
    """The share of the limit that the limiter's pace lets pass: its safety margins are seconds, so they cost a short
    window more than a minute."""
    kept, limiter_module.WINDOW = limiter_module.WINDOW, window
    try:
        return window / Pace.of(limit).interval / limit
    finally:
        limiter_module.WINDOW = kept


def measure(folder: Path, seconds: float, limit: int, window: float, windows: int) -> dict[str, Any]:
    """All shapes, the speed with repeats."""
    context = multiprocessing.get_context("spawn")
    with warehouse(folder) as url:
        speeds, promises = [], []
        for processes, threads in SHAPES:
            with context.Pool(processes) as pool:
                pool.map(ready, range(processes * 2), chunksize=1)
                tries = [speed(url, pool, processes, threads, seconds) for _ in range(3)]
                middle = {key: median(one[key] for one in tries) for key in tries[0]}
                speeds.append(middle | {"processes": processes, "threads": threads})
                promises.append(promise(url, pool, processes, threads, limit, window, windows))
    return {"speed": speeds, "promise": promises}


def shape(row: dict[str, Any]) -> str:
    """How it is called in the tables."""
    return f"{row['processes']} x {row['threads']}"


def shares(row: dict[str, Any]) -> tuple[float, float, float]:
    """Of the limit: used, what the pace allows in the short window, and what it allows of 5,000 in a minute."""
    return row["used"], row["usable"], pace_share(5000, 60.0)


def main() -> None:
    """Measure and print. Ends with 1 when a window held more calls than the limit."""
    own = parser(__doc__)
    own.add_argument("--seconds", type=float, default=2, help="of each measurement of speed; there are three a shape")
    own.add_argument("--limit", type=int, default=400, help="calls in a window")
    own.add_argument("--window", type=float, default=4, help="seconds that stand for the minute")
    own.add_argument("--windows", type=int, default=3, help="how many of them to watch")
    given = own.parse_args()
    on = machine()
    with work_folder(given.keep) as folder:
        got = measure(folder, given.seconds, given.limit, given.window, given.windows)
    table(
        "Slots handed out (median of three)",
        ["processes x threads", "slots/s", "bare updates/s", "slots / update"],
        [
            [
                f"{s['processes']} x {s['threads']}",
                s["slots_per_second"],
                s["updates_per_second"],
                s["slots_per_update"],
            ]
            for s in got["speed"]
        ],
    )
    table(
        f"The promise: at most {given.limit} calls in any {given.window:g} s",
        ["processes x threads", "fullest window", "limit", "used on average", "its pace allows", "at 60 s"],
        [[shape(p), p["fullest"], p["limit"], *(f"{100 * share:.0f}%" for share in shares(p))] for p in got["promise"]],
    )
    report("limiter", given.out, got, on)
    if not all(p["kept"] for p in got["promise"]):
        sys.exit("A window held more calls than the limit.")


if __name__ == "__main__":
    main()
