"""One limit for several processes, on a real PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import chartline
from chartline.errors import RateLimited, SchemaMismatch
from chartline.soundcharts.limiter import Pace
from chartline.warehouse.budget import PostgresBank, PostgresLimiter

ACCOUNT = "api.example/an-app"


WORKER = """
import json, sys, time
from concurrent.futures import ThreadPoolExecutor
from chartline.warehouse.budget import PostgresLimiter

url, account, per_minute, seconds = sys.argv[1:]
limiter, times = PostgresLimiter(url, account, int(per_minute)), []

def call(_):
    while time.monotonic() < until:
        limiter.acquire()
        times.append(time.monotonic())

sys.stdin.readline()
until = time.monotonic() + float(seconds)
with ThreadPoolExecutor(3) as pool:
    list(pool.map(call, range(3)))
limiter.close()
print(json.dumps(times))
"""


def test_processes_together_keep_to_the_limit(warehouse_url: str) -> None:
    """Twelve threads in four processes, for 3 s: slots lie apart, and none is lost or handed out twice."""
    per_minute = 6000
    command = [sys.executable, "-c", WORKER, warehouse_url, ACCOUNT, str(per_minute), "3"]
    include = Path(chartline.__file__).parents[1]
    workers = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(include)},
        )
        for _ in range(4)
    ]
    told = [worker.communicate(timeout=60)[0] for worker in _started(workers)]
    per_process = [json.loads(text) for text in told]
    times = sorted(time for times in per_process for time in times)
    pace = Pace.of(per_minute)
    assert all(len(times) > 20 for times in per_process), "each gets its share"
    _assert_paced(times, pace)
    assert len(times) > 0.6 * (times[-1] - times[0]) / pace.interval


def _started(workers: list[subprocess.Popen[str]]) -> list[subprocess.Popen[str]]:
    """All set off at once: each waits for its line."""
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()
    return workers


def _assert_paced(times: list[float], pace: Pace) -> None:
    """No stretch holds more calls than the line has slots there: what bounds every window of 60 s as well."""
    for width in (0.1, 0.5, 1.0, 2.0, 4.0):
        allowed = (width + 1.0 + pace.saved) / pace.interval + 2
        start = 0
        for end, time_ in enumerate(times):
            while time_ - times[start] >= width:
                start += 1
            assert end - start + 1 <= allowed


class Line:
    """`api_budget` read and set as a test needs it; times are seconds from now."""

    def __init__(self, url: str, per_minute: int) -> None:
        self.pace = Pace.of(per_minute)
        self.bank = PostgresBank(url, ACCOUNT, per_minute, self.pace)
        self.db = psycopg.connect(url, autocommit=True)

    def next_free(self) -> float:
        row = self.db.execute(
            "select extract(epoch from next_free - clock_timestamp())::float8 from chartline.api_budget"
        )
        return _only(row.fetchone())

    def now(self) -> float:
        """The database's clock, in seconds."""
        return self._seconds("select extract(epoch from clock_timestamp())::float8")

    def end(self) -> float:
        """The next free moment, by the database's clock."""
        return self._seconds("select extract(epoch from next_free)::float8 from chartline.api_budget")

    def _seconds(self, query: str) -> float:
        return _only(self.db.execute(query).fetchone())


def _only(row: tuple[float, ...] | None) -> float:
    assert row is not None
    return row[0]


@pytest.fixture
def line(warehouse_url: str) -> Iterator[Line]:
    made = Line(warehouse_url, 600)
    yield made
    made.bank.close()
    made.db.close()


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 8), min_size=1, max_size=8))
def test_blocks_lie_one_after_the_other_and_never_overlap(line: Line, blocks: list[int]) -> None:
    line.db.execute("delete from chartline.api_budget")
    end = None
    for block in blocks:
        before = line.now()
        first, paused = line.bank.take(block)
        assert paused == pytest.approx(0, abs=0.001)
        earliest = before - line.pace.saved  # by the database's clock, as the line is: the machine may be slow
        start, begun = line.end() - block * line.pace.interval, end
        end = line.end()
        assert start >= max(earliest, begun or earliest) - 0.0001
        assert start <= max(line.now() - line.pace.saved, begun or earliest) + 0.0001
        assert before + first <= start + 0.0001 <= line.now() + first + 0.0002


def test_idle_time_is_saved_up_to_the_burst_only(line: Line) -> None:
    line.bank.take(1)
    line.db.execute("update chartline.api_budget set next_free = clock_timestamp() - interval '1 hour'")
    first, _ = line.bank.take(1)
    assert first == pytest.approx(-line.pace.saved, abs=0.05)


def test_a_pause_moves_the_line_for_all_and_is_never_shortened(line: Line, warehouse_url: str) -> None:
    line.bank.block(40)
    line.bank.block(5)
    other = PostgresBank(warehouse_url, ACCOUNT, 600, line.pace)
    first, paused = other.take(1)
    other.close()
    assert first == pytest.approx(40, abs=0.5)
    assert paused == pytest.approx(40, abs=0.5)
    assert line.next_free() == pytest.approx(40 + line.pace.interval, abs=0.5)


def test_accounts_do_not_hold_each_other(line: Line, warehouse_url: str) -> None:
    line.bank.block(50)
    other = PostgresBank(warehouse_url, "api.example/another-app", 600, line.pace)
    first, _ = other.take(1)
    other.close()
    assert first <= 0


def test_a_long_pause_is_known_to_other_processes(warehouse_url: str) -> None:
    with (
        closing(PostgresLimiter(warehouse_url, ACCOUNT, 600)) as one,
        closing(PostgresLimiter(warehouse_url, ACCOUNT, 600)) as other,
    ):
        one.pause(100)
        with pytest.raises(RateLimited) as limited:
            other.acquire()
    assert limited.value.after == pytest.approx(100, abs=2)


def test_no_pause_outlives_two_minutes_for_any_process(line: Line, warehouse_url: str) -> None:
    with closing(PostgresLimiter(warehouse_url, ACCOUNT, 600)) as limiter:
        limiter.pause(31_536_000)
    assert line.bank.take(1)[1] == pytest.approx(120, abs=2)


def test_a_pause_of_a_year_that_an_older_version_wrote_is_over(line: Line) -> None:
    line.bank.take(1)
    year = "clock_timestamp() + interval '1 year'"
    line.db.execute(f"update chartline.api_budget set next_free = {year}, blocked_until = {year}")
    first, paused = line.bank.take(1)
    assert (first <= 0.5, paused) == (True, 0)
    assert line.next_free() <= 1


def test_a_broken_connection_is_opened_anew(warehouse_url: str) -> None:
    with closing(PostgresLimiter(warehouse_url, ACCOUNT, 600, block=1)) as limiter:
        limiter.acquire()
        with psycopg.connect(warehouse_url, autocommit=True) as admin:
            ended = admin.execute(
                "select count(*) filter (where pg_terminate_backend(pid)) from pg_stat_activity "
                "where application_name = 'chartline limiter' and datname = current_database()"
            ).fetchone()
        assert ended == (1,)
        limiter.acquire()


def test_threads_of_one_process_share_its_connection(warehouse_url: str) -> None:
    together = threading.Barrier(6)
    with closing(PostgresLimiter(warehouse_url, ACCOUNT, 60_000)) as limiter:

        def call(_: int) -> None:
            together.wait(10)
            for _ in range(20):
                limiter.acquire()

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(call, range(6)))
        with psycopg.connect(warehouse_url) as db:
            row = db.execute(
                "select count(*) from pg_stat_activity "
                "where application_name = 'chartline limiter' and datname = current_database()"
            ).fetchone()
    assert row == (1,)


def test_a_warehouse_without_the_table_says_which_command_mends_it(empty_database_url: str) -> None:
    with (
        closing(PostgresLimiter(empty_database_url, ACCOUNT, 600)) as limiter,
        pytest.raises(SchemaMismatch, match="migrate"),
    ):
        limiter.acquire()
