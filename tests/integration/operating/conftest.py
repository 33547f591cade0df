"""A warehouse in which something has happened, written row by row."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.known_charts import know_charts

from chartline.domain import run_ids
from chartline.warehouse import partitions
from chartline.warehouse.connect import Connection, connect


def uid(number: int) -> str:
    """A track's or artist's uuid."""
    return str(uuid.UUID(int=number))


class Story:
    """Writes what is to have happened. `today` is the day of the test; charts are `day` and `week`."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.now = datetime.now(UTC)
        self.today = self.now.date()
        self.ids = know_charts(conn, day="daily", week="weekly")

    def ago(self, days: int) -> date:
        return self.today - timedelta(days=days)

    def follow(self, slug: str, **settings: Any) -> None:
        """Since 100 days, with 365 days of history."""
        fields = {
            "chart_id": self.ids[slug],
            "sync_frequency": "daily" if slug == "day" else "weekly",
            "sync_historical_data": True,
            "track_platforms": ["spotify", "airplay"],
            "artist_platforms": ["spotify"],
            "created_at": self.now - timedelta(days=100),
            "history_asked_at": self.now - timedelta(days=100),
        } | settings
        self._insert("chart_sync_schedule", fields)

    def list_days(self, slug: str, *days: date) -> None:
        for day in days:
            fields = {"chart_id": self.ids[slug], "day": day, "stamp": f"{day}T12:00:00+00:00"}
            self._insert("chart_calendar", fields)

    def rank(self, slug: str, day: date, tracks: Sequence[int], *, lost: int = 0, **fields: Any) -> int:
        """Store a ranking of these tracks in their order; `lost` rows of it are gone. Fields: of each entry."""
        self.list_days(slug, day) if not self._has(slug, day) else None
        total = len(tracks)
        head = {"chart_id": self.ids[slug], "day": day, "stamp": f"{day}", "total": total, "entries": total}
        ranking = self._insert("chart_ranking", head | {"fetched_at": self.now})
        for position, number in enumerate(tracks[: total - lost], 1):
            self.conn.execute("insert into track (uuid, name) values (%s, %s) on conflict do nothing", [
                uid(number), f"Track {number}"])  # fmt: skip
            entry = {"ranking_id": ranking, "position": position, "track": uid(number)} | {
                name: value.get(number) if isinstance(value, dict) else value for name, value in fields.items()
            }
            self._insert("chart_ranking_entry", entry, returning="position")
        return ranking

    def credit(self, track: int, artist: int) -> None:
        self.conn.execute(
            "insert into artist (uuid, name) values (%s, %s) on conflict do nothing", [uid(artist), f"Artist {artist}"]
        )
        self.conn.execute(
            "insert into track_artist (track, artist, position) values (%s, %s, 1)", [uid(track), uid(artist)]
        )

    def run(self, slug: str, status: str = "complete", *, rankings: Sequence[int] = (), **fields: Any) -> int:
        """An execution that began an hour ago, of the chart's own DAG."""
        asked = {
            "chart": slug,
            "steps": ["track_metadata", "artist_metadata", "track_audience", "artist_audience"],
            "track_platforms": ["spotify", "airplay"],
            "artist_platforms": ["spotify"],
            "audience_days": 90,
            "force": False,
        } | fields.pop("settings", {})
        began = fields.setdefault("started_at", self.now - timedelta(hours=1))
        row: dict[str, Any] = {
            "chart_id": self.ids.get(slug),
            "chart_slug": slug,
            "dag_id": f"chartline.chart_sync.{slug}",
            "run_id": f"scheduled__{uuid.uuid4().hex}",
            "trigger": "scheduled",
            "status": status,
            "settings": Jsonb(asked),
            "finished_at": None if status == "running" else began + timedelta(minutes=5),
        } | fields
        row.setdefault("kind", run_ids.kind(row["dag_id"], row["trigger"], row["run_id"]))
        execution = self._insert("chart_sync_execution", row)
        for ranking in rankings:
            self.conn.execute("insert into execution_ranking values (%s, %s)", [execution, ranking])
        return execution

    def fail(self, execution: int, resource: str, entity: str, facet: str = "", kind: str = "server_trouble") -> None:
        fields = {"execution_id": execution, "resource": resource, "entity": entity, "facet": facet, "kind": kind}
        self._insert("execution_failure", fields | {"reason": f"Soundcharts: {kind}"})

    def ledger(self, resource: str, entity: str, facet: str = "", *, due_in: float = 7, outcome: str = "ok", leased: bool = False) -> None:  # fmt: skip # noqa: E501
        """What the ledger says; `due_in` days from now."""
        fields = {
            "resource": resource,
            "entity": entity,
            "facet": facet,
            "outcome": outcome,
            "fetched_at": self.now,
            "due_at": self.now + timedelta(days=due_in),
            "lease_until": self.now + timedelta(hours=1) if leased else None,
        }
        self._insert("fetch_ledger", fields, returning="attempts")

    def call(
        self, at: datetime, endpoint: str = "song", *, execution: int | None = None, status: int | None = 200,
        left: int | None = None, error_kind: str | None = None, times: int = 1,
    ) -> None:  # fmt: skip
        partitions.ensure_months(self.conn, "api_call", [at.astimezone(UTC).date()])
        for _ in range(times):
            fields = {"at": at, "endpoint": endpoint, "status": status, "ms": 100, "bytes": 10, "quota_left": left}
            self._insert("api_call", fields | {"error_kind": error_kind, "execution_id": execution})

    def _has(self, slug: str, day: date) -> bool:
        found = self.conn.execute(
            "select from chart_calendar where chart_id = %s and day = %s", [self.ids[slug], day]
        ).fetchone()
        return found is not None

    def _insert(self, table: str, fields: dict[str, Any], returning: str = "") -> int:
        names, holes = ", ".join(fields), ", ".join(f"%({name})s" for name in fields)
        key = returning or ("chart_id" if table == "chart_calendar" else "id")
        row = self.conn.execute(
            f"insert into {table} ({names}) values ({holes}) returning {key}",
            fields,
        ).fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def story(warehouse_url: str) -> Iterator[Story]:
    with connect(warehouse_url) as conn:
        conn.autocommit = True
        yield Story(conn)


@pytest.fixture
def queries(story: Story) -> Callable[[Callable[[], Any]], int]:
    """How many statements something asks of the warehouse."""

    def count(ask: Callable[[], Any]) -> int:
        asked = []

        class Cursor(psycopg.Cursor[Any]):
            def execute(self, *args: Any, **kwargs: Any) -> Any:
                asked.append(args[0])
                return super().execute(*args, **kwargs)

        before, story.conn.cursor_factory = story.conn.cursor_factory, Cursor
        try:
            ask()
        finally:
            story.conn.cursor_factory = before
        return len(asked)

    return count
