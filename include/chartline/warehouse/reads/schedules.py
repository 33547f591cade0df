"""What is shown of one followed chart beside its line in the lists: its runs."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.rows import class_row

from chartline.warehouse.connect import Connection
from chartline.warehouse.run_status import FAILED, GOOD


def slug_by_key(conn: Connection, key: str) -> str | None:
    """The slug of a chart by its slug, else by its id in digits; None where there is no such chart."""
    number = int(key) if key.isascii() and key.isdigit() and len(key) <= 18 else None
    row = conn.execute(
        "select slug from chartline.chart where slug = %(key)s or id = %(id)s order by slug <> %(key)s limit 1",
        {"key": key, "id": number},
    ).fetchone()
    return str(row[0]) if row else None


@dataclass(frozen=True)
class Sums:
    """All executions of a chart together. `ended`: all but those that are running; `median_seconds`: that an ended one
    took."""

    runs: int
    ended: int
    good: int
    failed: int
    running: int
    calls: int
    median_seconds: float | None


def sums_of_runs(conn: Connection, slug: str) -> Sums:
    """What the executions of a chart came to."""
    with conn.cursor(row_factory=class_row(Sums)) as cursor:
        row = cursor.execute(
            f"""select count(*)::int as runs,
                      (count(*) filter (where status <> 'running'))::int as ended,
                      (count(*) filter (where status in {GOOD}))::int as good,
                      (count(*) filter (where status in {FAILED}))::int as failed,
                      (count(*) filter (where status = 'running'))::int as running,
                      coalesce(sum(calls), 0)::bigint as calls,
                      extract(epoch from percentile_cont(0.5) within group (order by finished_at - started_at))::float8
                          as median_seconds
               from chartline.chart_sync_execution where chart_slug = %s""",
            [slug],
        ).fetchone()
    assert row is not None
    return row
