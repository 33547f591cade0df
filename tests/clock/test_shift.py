"""bin/test --at: another time of day for every process, real waits."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

SOURCE = Path(__file__).parent / "shift.c"
CC = shutil.which("cc")
SHIFT = 8_000_000  # seconds: some three months

LOOK = """
import json, multiprocessing, os, subprocess, sys, threading, time
from datetime import UTC, datetime
from pathlib import Path

path = Path(sys.argv[1])
path.write_text("")
found = {
    "now": time.time(),
    "datetime": datetime.now(UTC).timestamp(),
    "file": path.stat().st_mtime,
    "open file": os.fstat(os.open(path, os.O_RDONLY)).st_mtime,
    "listed file": next(entry for entry in os.scandir(path.parent) if entry.name == path.name).stat().st_mtime,
    "child": float(subprocess.run(["date", "+%s.%N"], capture_output=True, check=True).stdout),
    "monotonic": time.monotonic(),
}
os.utime(path, (5e8, 5e8))
found["dated file"] = path.stat().st_mtime
began = time.perf_counter()
lock, condition = threading.Lock(), threading.Condition()
lock.acquire()
lock.acquire(timeout=0.1)
with condition:
    condition.wait(0.1)
multiprocessing.Semaphore(0).acquire(timeout=0.1)  # until a time of day
threading.Event().wait(0.1)
time.sleep(0.1)
found["waited"] = time.perf_counter() - began
print(json.dumps(found))
"""


@pytest.mark.skipif(sys.platform != "linux" or not CC, reason="bin/test --at needs Linux and a C compiler")
def test_the_time_of_day_moves_and_waits_stay_real(tmp_path: Path) -> None:
    library = tmp_path / "shift.so"
    subprocess.run(
        [CC or "", "-Wall", "-Werror", "-shared", "-fPIC", f"-DSHIFT={SHIFT}LL", "-o", library, SOURCE, "-ldl"],
        check=True,
    )
    before, monotonic = time.time(), time.monotonic()
    loaded = os.environ.get("LD_PRELOAD")  # ours comes on top of the one that this run may have
    said = subprocess.run(
        [sys.executable, "-c", LOOK, str(tmp_path / "file")],
        env=os.environ | {"LD_PRELOAD": f"{library}:{loaded}" if loaded else str(library)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    elapsed = time.monotonic() - monotonic
    assert monotonic <= found["monotonic"] <= monotonic + elapsed
    assert found["dated file"] == 5e8
    for what in ("now", "datetime", "file", "open file", "listed file", "child"):
        assert before + SHIFT - 1 <= found[what] <= before + SHIFT + elapsed + 1, what
    assert 0.5 <= found["waited"] <= elapsed


def test_the_database_has_our_clock(warehouse: psycopg.Connection) -> None:
    before = time.time()
    row = warehouse.execute("select extract(epoch from clock_timestamp())::float8").fetchone()
    assert row
    assert before - 1 <= row[0] <= time.time() + 1
