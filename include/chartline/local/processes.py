"""One long-running program: started with its own log, found again after a crash, and stopped without orphans."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

from chartline.errors import AskPerson
from chartline.files import UMASK, private, private_folder, write_private

LOG_LIMIT = 20_000_000  # bytes; a longer log is set aside at the next start


class ServiceFailed(AskPerson):
    """A program that Chartline needs ended by itself or never became ready."""

    kind = "service_failed"


class Service:
    """A program with a name. Its log is `logs/<name>.log`, its process is noted in `run/<name>.json`.

    `grace`: seconds it gets to end by itself when asked to.
    """

    def __init__(
        self, name: str, command: Sequence[str], env: Mapping[str, str], *, logs: Path, run: Path, grace: float = 12.0
    ) -> None:
        self.name, self.log, self.grace = name, logs / f"{name}.log", grace
        self._command, self._env, self._note = list(command), dict(env), run / f"{name}.json"
        self._process: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"Service({self.name!r})"

    def start(self) -> None:
        """Start the program in a session of its own (a Ctrl-C in the terminal must not reach it).

        One that an earlier, killed Chartline left behind is stopped first.
        """
        self.stop_leftover()
        for folder in (self.log.parent, self._note.parent):
            private_folder(folder)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        with open(self.log, "ab", opener=private) as log:
            self._process = subprocess.Popen(
                self._command, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, cwd=self.log.parent, umask=UMASK,
            )  # fmt: skip
        with contextlib.suppress(psutil.NoSuchProcess):
            created = psutil.Process(self._process.pid).create_time()
            write_private(self._note, json.dumps({"pid": self._process.pid, "created": created}))

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def require_alive(self) -> None:
        """Raise `ServiceFailed` with the program's last words if it has ended."""
        if self._process is not None and (code := self._process.poll()) is not None:
            raise ServiceFailed(
                f"{self.name} ended by itself (exit code {code}). Its last words:\n{last_words(self.log)}",
                advice=f"The whole log: {self.log}",
            )

    def stop(self) -> None:
        """Ask the program to end; when its grace is over, end it and every process below it by force."""
        stop_all([self])

    def kill(self) -> None:
        """End the program and every process below it as a crash would."""
        if (handle := self._handle()) is not None:
            _kill(_below([handle]))
        self._forget()

    def stop_leftover(self) -> None:
        """Stop the program that the note names, if it still runs and we did not start it."""
        if self.alive:
            return
        try:
            note = json.loads(self._note.read_text())
            process = psutil.Process(note["pid"])
            same = abs(process.create_time() - note["created"]) < 1
        except (FileNotFoundError, ValueError, KeyError, psutil.NoSuchProcess):
            return
        if same:
            _end({process: self.grace})
        self._note.unlink(missing_ok=True)

    def _handle(self) -> psutil.Process | None:
        if not self.alive or self.pid is None:
            return None
        try:
            return psutil.Process(self.pid)
        except psutil.NoSuchProcess:
            return None

    def _forget(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None
        self._note.unlink(missing_ok=True)


def stop_all(services: Iterable[Service]) -> None:
    """Stop several programs at the same time, as `Service.stop` does."""
    services = list(services)
    _end({handle: service.grace for service in services if (handle := service._handle()) is not None})
    for service in services:
        service._forget()


def last_words(log: Path, lines: int = 12) -> str:
    """The end of a log."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def _end(graces: Mapping[psutil.Process, float]) -> None:
    """SIGTERM to each main process alone: sent to the whole group, it locks up a LocalExecutor's scheduler."""
    family = _below(graces)
    for process in graces:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    began = time.monotonic()
    for process, grace in sorted(graces.items(), key=lambda pair: pair[1]):
        family |= _below([process])  # those born meanwhile
        if _wait([process], began + grace - time.monotonic()):
            _kill(_below([process]))
    _kill(_wait(family, 0.5))


def _kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _wait(processes, 5.0)


def _below(processes: Iterable[psutil.Process]) -> set[psutil.Process]:
    """These processes and all that they started, directly or not."""
    family = set(processes)
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            family.update(process.children(recursive=True))
    return family


def _wait(processes: Iterable[psutil.Process], timeout: float) -> list[psutil.Process]:
    """Those still running after `timeout` seconds. A zombie has ended: its parent has only not looked yet."""
    deadline = time.monotonic() + timeout
    while (left := [process for process in processes if _works(process)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _works(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
