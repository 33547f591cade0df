"""Call records: one row for each request that was sent."""

from __future__ import annotations

from collections.abc import Iterable

from chartline.soundcharts.calls import Call
from chartline.warehouse import partitions
from chartline.warehouse.connect import Connection


def record(conn: Connection, calls: Iterable[Call], execution_id: int | None) -> None:
    """Store the call records in the caller's transaction."""
    made = list(calls)
    partitions.ensure_months(conn, "api_call", {call.at.date() for call in made})
    with (
        conn.cursor() as cursor,
        cursor.copy(
            """copy chartline.api_call
               (at, endpoint, entity, facet, status, ms, bytes, quota_left, error_kind, execution_id) from stdin"""
        ) as copy,
    ):
        for c in made:
            copy.write_row(
                (
                    c.at,
                    c.endpoint,
                    c.entity,
                    c.facet,
                    c.status,
                    c.ms,
                    c.bytes,
                    c.quota_left,
                    c.error_kind,
                    execution_id,
                )
            )
