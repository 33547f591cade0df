"""Each change leaves who, when, before and after. Kept in the transaction of the change itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from pydantic_core import to_jsonable_python

from chartline.warehouse import changes

Connection = psycopg.Connection[Any]
Values = Mapping[str, Any] | None


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
    changes.add(conn, who, action, subject, old, new)
