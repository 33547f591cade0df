"""The state folder: where it is, who uses it now, and how it is cleared."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from chartline import places
from chartline.errors import AskPerson
from chartline.files import private

STATE = ("postgres", "airflow", "run", "logs", "secrets", "schedules.jsonl")
"""All but the Python environment."""


class NotOurs(AskPerson):
    """The state folder, or a part of it, is somebody else's, or lies elsewhere."""

    kind = "not_ours"


class AlreadyRunning(AskPerson):
    """Another Chartline works in the same state folder."""

    kind = "already_running"


def state_folder(env: Mapping[str, str] = os.environ) -> Path:
    """By its one real name."""
    return places.state_folder(env).resolve()


def check(home: Path) -> None:
    """Raise `NotOurs` for a folder, or a part of the state in it, that is another user's or a link to elsewhere."""
    for path in (home, *(home / name for name in STATE)):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISLNK(status.st_mode):
            raise NotOurs(
                f"{path} is a link to {path.readlink()}: what Chartline keeps there would lie elsewhere.",
                advice="Remove the link, or name the real folder with CHARTLINE_HOME.",
            )
        if status.st_uid != os.geteuid():
            raise NotOurs(
                f"{path} belongs to another user (number {status.st_uid}).",
                advice="Start Chartline as that user, or name another folder with CHARTLINE_HOME.",
            )


def make(home: Path) -> None:
    """The folder, closed to others, but that PostgreSQL's user, when we are root, passes through to its own."""
    home.mkdir(parents=True, exist_ok=True)
    if home.stat().st_uid == os.geteuid():
        home.chmod(0o711 if os.geteuid() == 0 else 0o700)


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the state folder for as long as the context lasts. Raises `AlreadyRunning`, naming the process.

    The system lets go of it when the process ends, however it ends.
    """
    make(home)
    check(home)
    with open(home / "lock", "a+", opener=private) as lock:
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
    paths = [home / name for name in STATE if (home / name).exists()]
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return paths
