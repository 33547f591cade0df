"""The schedules on disk, so that DAGs stand while the warehouse does not.

JSON lines, sorted by slug, one line a schedule below a header line; replaced whole. A schedule that does not validate
is a line too: it carries the reason. The file's age is its modification time.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from chartline.domain import dag_ids
from chartline.domain.read_schedule import ReadSchedule
from chartline.errors import ChartlineError, NotConfigured
from chartline.files import private
from chartline.places import state_folder
from chartline.warehouse import schedules

VERSION = 1
MAX_AGE = 5.0

log = logging.getLogger(__name__)


def default_path() -> Path:
    """`schedules.jsonl` in the state folder."""
    return state_folder() / "schedules.jsonl"


def refresh(path: Path, url: str, max_age: float = MAX_AGE) -> str | None:
    """Bring the file up to date when it is older than `max_age` seconds. Returns None, or a warning for people.

    One short query (2 s to connect, 2 s to answer). When it fails the last good file stands, and the warning says why
    and how old that is. Never raises. For those who list all schedules; a task only reads.
    """
    age = _age(path)
    if age is not None and 0 <= age <= max_age:
        return None
    try:
        if not url:
            raise NotConfigured("CHARTLINE_WAREHOUSE_URL is not set.")
        write(path, *schedules.snapshot_rows(url))
    except (ChartlineError, psycopg.Error, OSError) as trouble:
        reason = str(trouble).splitlines()[0] if str(trouble) else type(trouble).__name__
        stands = "There is no earlier list." if age is None else f"The list of {age:.0f} s ago stands."
        return f"The list of schedules could not be renewed: {reason} {stands}"
    return None


def write(path: Path, rows: Iterable[Mapping[str, Any]], former: Sequence[str] = ()) -> bool:
    """Make the file say `rows`; whether that changed it. Unchanged, it is only marked as new. Raises OSError.

    former: ids of before, of DAGs whose runs are open.
    """
    body = "".join(sorted(_encode(ReadSchedule.of(row)) for row in rows)).encode()
    if _body(path) == body and load_former(path) == list(former):
        path.chmod(0o600)
        os.utime(path)
        return False
    written_at = datetime.now(UTC).isoformat(timespec="seconds")
    header = json.dumps({"snapshot": VERSION, "written_at": written_at, "former": list(former)})
    _replace(path, header.encode() + b"\n" + body)
    return True


def load(path: Path) -> list[ReadSchedule]:
    """All lines, by slug; none when there is no file."""
    return [line for text in _lines(path) if (line := _decode(text))]


def load_former(path: Path) -> list[str]:
    """Ids of before, of DAGs whose runs are open."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline() or b"{}")
    except (FileNotFoundError, ValueError):
        return []  # the next renewal writes one
    return list(header.get("former", ()))


def load_one(path: Path, slug: str) -> ReadSchedule | None:
    """The line of `slug` (or as its DAG's id holds it); only that one is parsed, however many there are."""
    start = _start(slug).encode()
    for text in _lines(path):
        if text.startswith(start):
            return _decode(text)
    wanted = dag_ids.CHART_SYNC + slug  # the slug was made fit for a DAG id
    return next((line for line in load(path) if line.dag_id == wanted), None)


def _start(slug: str) -> str:
    return f'{{"slug":{json.dumps(slug)},'


def _encode(line: ReadSchedule) -> str:
    rest: dict[str, Any]
    if line.schedule:
        rest = {"schedule": line.schedule.model_dump(mode="json")}
    elif line.left:
        rest = {"left": True}
    else:
        rest = {"error": line.error, "row": line.row}
    return _start(line.slug) + json.dumps(rest, default=str, separators=(",", ":"))[1:] + "\n"


def _decode(text: bytes) -> ReadSchedule | None:
    try:
        data = json.loads(text)
        if "schedule" in data:
            return ReadSchedule.of(data["schedule"])  # may be refused by a stricter code than wrote it
        if "left" in data:
            return ReadSchedule.of(data)
        return ReadSchedule(data["slug"], error=data["error"], row=data["row"])
    except (ValueError, TypeError, KeyError):
        log.warning("A damaged line of the list of schedules is left out; the next renewal mends it.")
        return None


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            next(file, None)
            yield from file
    except FileNotFoundError:
        return


def _body(path: Path) -> bytes | None:
    try:
        header, _, body = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    return body if f'"snapshot": {VERSION},'.encode() in header else None


def _age(path: Path) -> float | None:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return None


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{uuid4().hex}")
    try:
        with open(draft, "xb", opener=private) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
