"""What Airflow does with our DAGs and nothing else tells of: runs held for their date, files parsed without end."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chartline.domain import dag_ids
from chartline.operating import reparse

AT_WORK = ("queued", "running")
SHOWN = 5
RECENT = timedelta(seconds=10)
LOOKS = 4
APART = 5.0
"""Seconds."""
CLOCKS = 1.0
"""Seconds that the clock of a disk may be ahead of ours without a word."""

WAITING_ADVICE = (
    "Mark the run failed in Airflow, and trigger again without a logical date (for one that is to begin later give "
    "run_after)."
)
AHEAD_ADVICE = (
    "Set the machine's clock right, then touch these files: until their time has come Airflow parses them without end."
)
PARSED_ADVICE = (
    "See whether a DAG file's time lies ahead of the clock of the DAG processor's host (ls -l), or something writes it "
    "again and again; min_file_process_interval may also be set too short."
)


@dataclass(frozen=True)
class Waiting:
    """A run that Airflow calls running, and that begins when its logical date has come."""

    dag_id: str
    run_id: str
    logical_date: datetime

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.run_id} waits for {self.logical_date:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True)
class Seen:
    """What Airflow's API says: runs that wait for their date, and when the charts' DAG file was parsed last."""

    waiting: list[Waiting]
    parsed_at: datetime | None


def see(ask: reparse.AskApi, now: datetime) -> Seen:
    """Two questions. Raises as `ask`."""
    later = {"state": list(AT_WORK), "logical_date_gt": now.isoformat(), "limit": 100}
    runs = ask("GET", "dags/~/dagRuns", params=later)["dag_runs"]
    newest = {"dag_id_prefix_pattern": dag_ids.CHART_SYNC, "limit": 1}
    dags = ask("GET", "dags", params=newest)["dags"]
    ours = [run for run in runs if dag_ids.is_ours(run["dag_id"])]
    waiting = [Waiting(run["dag_id"], run["dag_run_id"], _moment(run["logical_date"])) for run in ours]
    parsed = dags[0].get("last_parsed_time") if dags else None
    return Seen(waiting, _moment(parsed) if parsed else None)


def is_ahead(logical_date: str | None, now: datetime) -> bool:
    """Whether a run of that logical date, as Airflow's API has it, has yet to begin."""
    return logical_date is not None and _moment(logical_date) > now


def ahead(folder: Path, now: datetime) -> list[str]:
    """The DAG files here whose time lies ahead of the clock; none where there is no such folder."""
    late = now.timestamp() + CLOCKS
    return sorted(file.name for file in folder.glob("*.py") if file.stat().st_mtime > late)


class ParseWatch:
    """Notices that the charts' DAG file is parsed without end, from several looks at when it was parsed last."""

    def __init__(self) -> None:
        self._looks: deque[tuple[datetime, datetime]] = deque(maxlen=LOOKS)

    def saw(self, parsed_at: datetime | None, now: datetime) -> bool:
        """A look; whether it is parsed again and again. Looks count when they are `APART` seconds apart; each must
        have found a new parse of a moment ago."""
        before = self._looks[-1] if self._looks else None
        if before is None or now - before[0] >= timedelta(seconds=APART):
            if parsed_at is None or now - parsed_at > RECENT or (before and parsed_at <= before[1]):
                self._looks.clear()
            if parsed_at is not None:
                self._looks.append((now, parsed_at))
        return len(self._looks) == LOOKS

    @property
    def suspects(self) -> bool:
        """Whether the last look found a parse of a moment ago, so that another one may tell more."""
        return bool(self._looks) and self._looks[-1][0] - self._looks[-1][1] <= RECENT


def listed(texts: Sequence[str]) -> str:
    """The first of them."""
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
