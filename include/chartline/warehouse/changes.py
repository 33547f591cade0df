"""Who changed what, in the transaction of the change itself: rows are added, never altered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from pydantic_core import to_jsonable_python

from chartline.warehouse.connect import Connection

Values = Mapping[str, Any] | None


@dataclass(frozen=True)
class Change:
    """One change: `before` and `after` hold what differs, None where there was or is nothing. `who` "": not said."""

    id: int
    at: datetime
    who: str
    action: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def note(conn: Connection, who: str, action: str, subject: str, before: Values, after: Values) -> None:
    """Keep a change: of two sets of values only what differs, and nothing when nothing does.

    `who`: the person's name, "" where it is not known; `action` such as `schedule.change`; `subject`: a chart's slug,
    or what else was changed. None: there was nothing before, or is nothing after.
    """
    old, new = to_jsonable_python(before), to_jsonable_python(after)
    if old is not None and new is not None:
        differing = {name for name in {**old, **new} if old.get(name) != new.get(name)}
        if not differing:
            return
        old, new = ({name: of[name] for name in of if name in differing} for of in (old, new))
    add(conn, who, action, subject, old, new)


def add(conn: Connection, who: str, action: str, subject: str, before: Values, after: Values) -> None:
    """Keep one change, in the caller's transaction; only JSON values."""
    conn.execute(
        "insert into chartline.change_log (who, action, subject, before, after) values (%s, %s, %s, %s, %s)",
        [who, action, subject, _json(before), _json(after)],
    )


def listed(
    conn: Connection,
    *,
    who: str = "",
    action: str = "",
    subject: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[Change], int]:
    """Changes, the newest first, and how many there are. "" and None: any. `action` may be its first part only, such
    as `schedule`; `until` itself is left out."""
    where = """ from chartline.change_log
        where (%(who)s = '' or who = %(who)s)
          and (%(action)s = '' or action = %(action)s or starts_with(action, %(action)s || '.'))
          and (%(subject)s = '' or subject = %(subject)s)
          and (%(since)s::timestamptz is null or at >= %(since)s)
          and (%(until)s::timestamptz is null or at < %(until)s)"""
    asked = {
        "who": who,
        "action": action,
        "subject": subject,
        "since": since,
        "until": until,
        "limit": limit,
        "offset": offset,
    }
    with conn.cursor(row_factory=class_row(Change)) as cursor:
        rows = cursor.execute(
            f"select id, at, who, action, subject, before, after {where} order by id desc "
            "limit %(limit)s offset %(offset)s",
            asked,
        ).fetchall()
    row = conn.execute(f"select count(*) {where}", asked).fetchone()
    return rows, int(row[0]) if row else 0


def _json(values: Values) -> Jsonb | None:
    return None if values is None else Jsonb(dict(values))
