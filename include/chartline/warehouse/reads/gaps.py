"""What is there of a chart, day by day, against what the API is known to have; and runs that never ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import class_row

from chartline.domain.run_ids import Kind
from chartline.warehouse.connect import Connection


@dataclass(frozen=True)
class Unclosed:
    """An execution that says it is running. `settings`: its ask; the interval is None for a run by hand."""

    id: int
    chart_slug: str
    dag_id: str
    run_id: str
    kind: Kind
    started_at: datetime
    settings: dict[str, Any]
    data_interval_start: datetime | None
    data_interval_end: datetime | None

    @property
    def owner(self) -> str:
        """The name under which it leases work."""
        return f"{self.dag_id}/{self.run_id}"


@dataclass(frozen=True)
class Ended:
    """How the last run of a chart's own DAG went."""

    status: str
    started_at: datetime
    error: str | None


def listed_days(conn: Connection, chart_id: int) -> list[date]:
    """All days for which the API is known to have a ranking, in order of time."""
    rows = conn.execute("select day from chartline.chart_calendar where chart_id = %s order by day", [chart_id])
    return [day for (day,) in rows]


def stored_days(conn: Connection, chart_id: int, first: date, last: date) -> dict[date, bool]:
    """The days from `first` to `last` whose ranking is stored, and whether it is whole: as many rows as it was stored
    with. A look into the index for each ranking, so that it takes as long whatever is stored of other charts."""
    rows = conn.execute(
        """select day, entries = (
               select count(*) from chartline.chart_ranking_entry as entry where entry.ranking_id = ranking.id
           ) from chartline.chart_ranking as ranking
           where chart_id = %s and day between %s and %s order by day""",
        [chart_id, first, last],
    )
    return dict(rows.fetchall())


def leased_days(conn: Connection, slug: str) -> set[date]:
    """Days of a chart whose ranking someone is fetching at this moment."""
    rows = conn.execute(
        r"""select facet::date from chartline.fetch_ledger
           where resource = 'ranking' and entity = %s and lease_until > now() and facet ~ '^\d{4}-\d\d-\d\d$'""",
        [slug],
    )
    return {day for (day,) in rows}


def refused_days(conn: Connection, slug: str) -> tuple[set[date], set[date]]:
    """Days of a chart whose ranking the API did not give: those that it said not to have, and is not to be asked for
    again yet, and those whose last try failed."""
    rows = conn.execute(
        r"""select facet::date, outcome from chartline.fetch_ledger
           where resource = 'ranking' and entity = %s and facet ~ '^\d{4}-\d\d-\d\d$'
             and (outcome = 'failed' or outcome = 'absent' and due_at > now())""",
        [slug],
    ).fetchall()
    return {day for day, outcome in rows if outcome == "absent"}, {day for day, outcome in rows if outcome == "failed"}


def calendar_calls(conn: Connection, slugs: Iterable[str], since: datetime) -> int:
    """Calls made for the calendars of these charts since then, by whomever."""
    row = conn.execute(
        """select count(*) from chartline.api_call
           where endpoint = 'available_rankings' and entity = any(%s) and at >= %s""",
        [list(slugs), since],
    ).fetchone()
    return int(row[0]) if row else 0


def unclosed(conn: Connection) -> list[Unclosed]:
    """All executions that say they are running, oldest first."""
    with conn.cursor(row_factory=class_row(Unclosed)) as cursor:
        return cursor.execute(
            """select id, chart_slug, dag_id, run_id, kind, started_at, settings, data_interval_start, data_interval_end
               from chartline.chart_sync_execution where status = 'running' order by id"""
        ).fetchall()
