"""What the benchmarks share: options, a folder of their own, the machine's details, CPU by process, output."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from chartline.local.postgres import LocalPostgres
from chartline.warehouse import schema

REPOSITORY = Path(__file__).resolve().parents[1]
Cell = str | int | float | None


def parser(description: str | None) -> argparse.ArgumentParser:
    """A command line with the options that all benchmarks have."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    own = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    own.add_argument("--out", type=Path, help="a folder for the results as JSON, one file a benchmark")
    own.add_argument("--keep", type=Path, help="work in this folder and leave it; default: a temporary one")
    return own


@contextmanager
def work_folder(keep: Path | None) -> Iterator[Path]:
    """`keep`, or a folder that is gone afterwards. Others may pass through: PostgreSQL runs as another user."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="chartline-benchmark-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@contextmanager
def warehouse(folder: Path) -> Iterator[str]:
    """The url of an empty, migrated warehouse in a PostgreSQL of its own, as durable as `bin/up` makes it."""
    with LocalPostgres(folder / "postgres") as server:
        url = server.create("chartline", "chartline", "benchmark", schema=schema.SCHEMA)
        schema.migrate(url)
        yield url


# -- the machine ---------------------------------------------------------------------------------------------


def machine() -> dict[str, Any]:
    """What the numbers were got on; `load` is the load average of the last minute, before the benchmark."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


def tree(pid: int) -> list[psutil.Process]:
    """A process and all below it that are alive."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(pid: int) -> float:
    """CPU time of a process, of all alive below it, and of those below it that ended and were waited for."""
    spent = 0.0
    for process in tree(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        # macOS does not tell about ended children.
        spent += times.user + times.system
        spent += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return spent


# -- output --------------------------------------------------------------------------------------------------


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print a small table: the first column to the left, numbers to the right."""
    cells = [list(head), *([_text(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    print(f"\n{title}")
    for first, *rest in cells:
        numbers = [f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True)]
        print("  ".join(["", f"{first:<{widths[0]}}", *numbers]))


def report(name: str, out: Path | None, result: Mapping[str, Any], on: Mapping[str, Any]) -> None:
    """Print the machine and, when asked to, write `<out>/<name>.json`."""
    print("\n" + ", ".join(f"{key} {value}" for key, value in on.items()), flush=True)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.json").write_text(json.dumps({"machine": on, **result}, indent=2, default=str) + "\n")


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.2f}" if abs(cell) < 100 else f"{cell:.1f}"
    return f"{cell:,}" if isinstance(cell, int) else cell
