"""The state folder: where it is, who uses it now, and how it is cleared."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from chartline.errors import AskPerson

REPOSITORY = Path(__file__).resolve().parents[3]
STATE = ("postgres", "airflow", "run", "logs", "secrets", "schedules.jsonl")  # all but the Python environment


class AlreadyRunning(AskPerson):
    """Another Chartline works in the same state folder."""

    kind = "already_running"


def state_folder(env: Mapping[str, str] = os.environ) -> Path:
    """`CHARTLINE_HOME`, else `.chartline` in the repository."""
    return Path(env.get("CHARTLINE_HOME") or REPOSITORY / ".chartline").absolute()


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the state folder for as long as the context lasts. Raises `AlreadyRunning`, naming the process.

    The system lets go of it when the process ends, however it ends.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            process = lock.read().strip()
            raise AlreadyRunning(
                f"Chartline is already running in {home} (process {process}).",
                advice=f"Use it, or stop it first with: kill {process}",
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def clear(home: Path) -> list[Path]:
    """Remove the state, keep the Python environment. Returns what was removed; touches nothing else in the folder."""
    found = [home / name for name in STATE if (home / name).exists()]
    for path in found:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return found
