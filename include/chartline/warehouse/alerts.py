"""Alerts as rows: what is wrong, what is still to be told, and every attempt to tell it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from chartline.warehouse.connect import Connection

LOCK = 0x43480A1E

_COLUMNS: LiteralString = (
    "id, kind, subject, state, title, advice, details, fingerprint, opened_at, last_seen_at, solved_at"
)


@dataclass(frozen=True)
class Alert:
    """What is or was wrong. `details`: facts as JSON; `lines` in it are for people."""

    id: int
    kind: str
    subject: str
    state: str
    title: str
    advice: str
    details: dict[str, Any]
    fingerprint: str
    opened_at: datetime
    last_seen_at: datetime
    solved_at: datetime | None


@dataclass(frozen=True)
class Delivery:
    """One attempt to tell somebody; `alert_id` is None for a test, `error` for one that went well."""

    id: int
    alert_id: int | None
    channel: str
    event: str
    attempt: int
    at: datetime
    status: int | None
    ms: int | None
    error: str | None


@dataclass(frozen=True)
class Due:
    """What is to be told now."""

    id: int
    alert_id: int
    channel: str
    event: str
    message: dict[str, Any]
    attempts: int


# -- alerts ------------------------------------------------------------------------------------------------


def lock(conn: Connection) -> None:
    """Until the transaction ends, nobody else opens or solves an alert."""
    conn.execute("select pg_advisory_xact_lock(%s)", [LOCK])


def of_kinds(conn: Connection, kinds: Collection[str]) -> dict[tuple[str, str], Alert]:
    """The open alerts of these kinds, by kind and subject."""
    with conn.cursor(row_factory=class_row(Alert)) as cursor:
        rows = cursor.execute(
            f"select {_COLUMNS} from chartline.alert where state = 'open' and kind = any(%s)", [list(kinds)]
        ).fetchall()
    return {(alert.kind, alert.subject): alert for alert in rows}


def put(conn: Connection, values: Mapping[str, Any]) -> Alert:
    """Open an alert, or bring the open one of this kind and subject up to date. Keys: kind, subject, title, advice,
    details, fingerprint."""
    with conn.cursor(row_factory=class_row(Alert)) as cursor:
        row = cursor.execute(
            f"""insert into chartline.alert (kind, subject, title, advice, details, fingerprint)
                values (%(kind)s, %(subject)s, %(title)s, %(advice)s, %(details)s, %(fingerprint)s)
                on conflict (kind, subject) where state = 'open' do update set
                    title = excluded.title, advice = excluded.advice, details = excluded.details,
                    fingerprint = excluded.fingerprint, last_seen_at = now()
                returning {_COLUMNS}""",
            {**values, "details": Jsonb(values["details"])},
        ).fetchone()
    assert row is not None
    return row


def seen(conn: Connection, ids: Collection[int]) -> None:
    """These alerts still hold, as they were told."""
    conn.execute("update chartline.alert set last_seen_at = now() where id = any(%s)", [list(ids)])


def solve(conn: Connection, ids: Collection[int]) -> list[Alert]:
    """Close these alerts."""
    with conn.cursor(row_factory=class_row(Alert)) as cursor:
        return cursor.execute(
            f"""update chartline.alert set state = 'solved', solved_at = now()
                where id = any(%s) and state = 'open' returning {_COLUMNS}""",
            [list(ids)],
        ).fetchall()


def page(conn: Connection, state: str, kind: str, limit: int, offset: int) -> tuple[list[Alert], int]:
    """Alerts, open ones first, then the newest; and how many there are. "" filters nothing."""
    values = {"state": state, "kind": kind, "limit": limit, "offset": offset}
    where: LiteralString = "where (%(state)s = '' or state = %(state)s) and (%(kind)s = '' or kind = %(kind)s)"
    with conn.cursor(row_factory=class_row(Alert)) as cursor:
        rows = cursor.execute(
            f"""select {_COLUMNS} from chartline.alert {where}
                order by (state = 'open') desc, opened_at desc, id desc limit %(limit)s offset %(offset)s""",
            values,
        ).fetchall()
    return rows, _count(conn, f"select count(*) from chartline.alert {where}", values)


# -- telling -----------------------------------------------------------------------------------------------


def enqueue(conn: Connection, alert_id: int, event: str, message: Mapping[str, Any], channels: Sequence[str]) -> None:
    """Have an event told on each channel."""
    conn.execute(
        """insert into chartline.alert_outbox (alert_id, channel, event, message)
           select %s, unnest(%s::text[]), %s, %s""",
        [alert_id, list(channels), event, Jsonb(dict(message))],
    )


def take_due(conn: Connection, channels: Collection[str]) -> Due | None:
    """What is to be told next on one of these channels, locked until the transaction ends; None when nothing is due. An
    alert's events are told in their order on each channel."""
    with conn.cursor(row_factory=class_row(Due)) as cursor:
        return cursor.execute(
            """select id, alert_id, channel, event, message, attempts from chartline.alert_outbox as o
               where due_at <= clock_timestamp() and channel = any(%s) and not exists (
                   select from chartline.alert_outbox as before
                   where before.alert_id = o.alert_id and before.channel = o.channel and before.id < o.id)
               order by id limit 1 for update skip locked""",
            [list(channels)],
        ).fetchone()


def told(conn: Connection, outbox_id: int) -> None:
    """It need not be told any more."""
    conn.execute("delete from chartline.alert_outbox where id = %s", [outbox_id])


def postpone(conn: Connection, due: Due, seconds: float, *, whole_channel: bool) -> None:
    """Try again later; `whole_channel`: the others wait as long, as nobody is there to hear them."""
    conn.execute(
        """update chartline.alert_outbox set
               attempts = attempts + (id = %(id)s)::int,
               due_at = greatest(due_at, clock_timestamp() + make_interval(secs => %(seconds)s))
           where id = %(id)s or %(whole)s and id in (
               select id from chartline.alert_outbox where channel = %(channel)s for update skip locked)""",
        {"id": due.id, "seconds": seconds, "whole": whole_channel, "channel": due.channel},
    )


def drop_other_channels(conn: Connection, channels: Collection[str]) -> int:
    """Forget what was to be told on channels that are no longer there; how much, each noted as a delivery."""
    return conn.execute(
        """with gone as (
               delete from chartline.alert_outbox where channel <> all(%s) returning alert_id, channel, event, attempts
           )
           insert into chartline.alert_delivery (alert_id, channel, event, attempt, error)
           select alert_id, channel, event, attempts + 1, 'The channel is not configured any more.' from gone""",
        [list(channels)],
    ).rowcount


def next_due(conn: Connection) -> float | None:
    """In how many seconds something is to be told; None when nothing is left."""
    row = conn.execute(
        "select extract(epoch from min(due_at) - clock_timestamp())::float8 from chartline.alert_outbox"
    ).fetchone()
    return row[0] if row else None


def log_delivery(
    conn: Connection,
    *,
    alert_id: int | None,
    channel: str,
    event: str,
    attempt: int,
    status: int | None,
    ms: int,
    error: str | None,
) -> None:
    """Note an attempt."""
    conn.execute(
        """insert into chartline.alert_delivery (alert_id, channel, event, attempt, status, ms, error)
           values (%s, %s, %s, %s, %s, %s, %s)""",
        [alert_id, channel, event, attempt, status, ms, error],
    )


def deliveries(conn: Connection, alert_id: int | None, limit: int, offset: int) -> tuple[list[Delivery], int]:
    """Attempts, the newest first, of one alert or all; and how many there are."""
    values = {"alert": alert_id, "limit": limit, "offset": offset}
    where: LiteralString = "where (%(alert)s::bigint is null or alert_id = %(alert)s)"
    with conn.cursor(row_factory=class_row(Delivery)) as cursor:
        rows = cursor.execute(
            f"""select id, alert_id, channel, event, attempt, at, status, ms, error from chartline.alert_delivery
                {where} order by at desc, id desc limit %(limit)s offset %(offset)s""",
            values,
        ).fetchall()
    return rows, _count(conn, f"select count(*) from chartline.alert_delivery {where}", values)


def prune(conn: Connection, days: int) -> int:
    """Remove solved alerts, and attempts, older than that; how many rows."""
    return sum(
        conn.execute(statement, [days]).rowcount
        for statement in (
            "delete from chartline.alert_delivery where at < now() - make_interval(days => %s)",
            "delete from chartline.alert where state = 'solved' and solved_at < now() - make_interval(days => %s)",
        )
    )


def _count(conn: Connection, query: LiteralString, values: Mapping[str, Any]) -> int:
    row = conn.execute(query, values).fetchone()
    return int(row[0]) if row else 0
