"""`bin/up`: a whole Chartline on this machine, filled, until Ctrl-C."""

# Only light imports here: --help and a wrong option must answer at once.
from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from chartline.errors import BadInput, ChartlineError
from chartline.files import UMASK
from chartline.local import home as homes

if TYPE_CHECKING:
    from chartline.local.screen import Screen
    from chartline.local.stack import Ports, Stack

DEMO_CHARTS = ("demo-global-daily", "demo-france-daily", "demo-shazam-daily")
WEB_PORT = 8080

HELP = """\
Without credentials the data comes from a simulator, and three demo charts are followed. With SOUNDCHARTS_APP_ID and
SOUNDCHARTS_API_KEY, or SOUNDCHARTS_CLIENT_ID, SOUNDCHARTS_CLIENT_SECRET and SOUNDCHARTS_TEAM_ID, it comes from
Soundcharts, and you choose what to follow: bin/chartline schedules add <chart>.

CHARTLINE_HOME            the folder for all state, default .chartline
CHARTLINE_PORT            the same as --port
CHARTLINE_POSTGRES_PORT   port of the database, default: a free one, kept
CHARTLINE_SIMULATOR_PORT  port of the simulator, default: a free one, kept
"""


class Stopped(BaseException):
    """Somebody asked us to end: not an error, and nothing on the way may take it for one."""


def main(words: Sequence[str] | None = None) -> int:
    """Run `bin/up`. Returns its exit code: 0; 1 with the reasons on stderr; 130 when `--once` was interrupted."""
    options = _options(words)
    home = homes.state_folder()
    try:
        with _signals(), _private_files(), homes.alone(home):
            return _reset(home) if options.reset else _up(home, options)
    except Stopped:
        return 130 if options.once else 0
    except ChartlineError as error:
        print(f"{error.what}\n{error.advice}".rstrip(), file=sys.stderr)
        return 1
    except OSError as trouble:  # a full disk, no right to write
        place = f"{trouble.filename}: " if trouble.filename else ""
        print(f"{place}{trouble.strerror or trouble}", file=sys.stderr)
        return 1


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bin/up",
        description="Start Chartline on this machine: PostgreSQL, Airflow and, without credentials, a simulator.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--once", action="store_true", help="end when the charts are filled: exit 0, or 1 with reasons")
    parser.add_argument("--reset", action="store_true", help="remove all data, logs and passwords, and end")
    parser.add_argument("--port", type=int, help=f"of Airflow's web pages, default {WEB_PORT}")
    return parser.parse_args(words)


def _up(home: Path, options: argparse.Namespace) -> int:
    from chartline.local import fill, summary
    from chartline.local.screen import Screen
    from chartline.local.source import from_environment
    from chartline.local.stack import Stack

    source, ports = from_environment(os.environ), _ports(options.port, os.environ)
    screen, began = Screen(), time.monotonic()
    stack = Stack(home, source=source, ports=ports, say=screen.step)
    try:
        stack.start(DEMO_CHARTS if source is None else ())
        screen.step(f"Ready after {time.monotonic() - began:.0f} s; filling the charts")
        screen.tell(summary.addresses(stack, with_password=stack.is_new and screen.console.is_terminal))
        began = time.monotonic()
        reasons = fill.wait_filled(stack, screen)
        for part in summary.report(stack, seconds=time.monotonic() - began, first=stack.started_empty):
            screen.tell(part)
        for reason in reasons:
            screen.warn(reason)
        if options.once:
            return 1 if reasons else 0
        _stay(stack, screen)
        return 0
    finally:
        with _undisturbed():
            screen.step("Stopping")
            stack.stop()


def _stay(stack: Stack, screen: Screen) -> None:
    """Until Ctrl-C, or until a part ends by itself (`ServiceFailed`)."""
    screen.tell("")
    screen.step(f"Chartline keeps the charts up to date while this runs. Open: {stack.airflow.web}  Stop: Ctrl-C")
    while True:
        time.sleep(2)
        stack.require_alive()


def _ports(web: int | None, env: Mapping[str, str]) -> Ports:
    from chartline.local.stack import Ports

    return Ports(
        web=_port("--port", str(web))
        if web is not None
        else _port("CHARTLINE_PORT", env.get("CHARTLINE_PORT", "8080")),
        postgres=_port("CHARTLINE_POSTGRES_PORT", env.get("CHARTLINE_POSTGRES_PORT", "0")),
        simulator=_port("CHARTLINE_SIMULATOR_PORT", env.get("CHARTLINE_SIMULATOR_PORT", "0")),
    )


def _port(name: str, text: str) -> int:
    lowest = 1 if name in ("--port", "CHARTLINE_PORT") else 0
    if not text.isdecimal() or not lowest <= int(text) <= 65535:
        raise BadInput(f"{name}: {text} is not a port.", field=name, advice="Give a whole number from 1 to 65535.")
    return int(text)


def _reset(home: Path) -> int:
    from chartline.local.stack import Stack

    if any((home / name).exists() for name in homes.STATE):
        Stack(home).stop_leftovers()
    removed = homes.clear(home)
    for folder in removed:
        print(f"Removed {folder}")
    print("There was nothing to remove." if not removed else "Start anew with: bin/up")
    return 0


@contextmanager
def _signals() -> Iterator[None]:
    """Ctrl-C, `kill` and a closed terminal all end us in order."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped

    kept = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextmanager
def _private_files() -> Iterator[None]:
    """What is written is its owner's alone."""
    before = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """While stopping, a second Ctrl-C must not leave half of it running."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    yield


if __name__ == "__main__":
    sys.exit(main())
