"""The version of a schedule's settings: what somebody saw of them, so that saving does not undo what came after.

It is made from the settings themselves: the same settings are the same version, whoever set them and by whatever way.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import Any

from pydantic_core import to_jsonable_python

from chartline.domain.schedule import ScheduleSettings
from chartline.errors import ChangedMeanwhile
from chartline.warehouse import changes
from chartline.warehouse.changes import Change
from chartline.warehouse.connect import Connection

LOOK_AT = 50
"""Changes that are looked at for those since a version; of older ones only the newest is told."""


def of(row: Mapping[str, Any]) -> str:
    """The version of a row's settings, also where they are wrong."""
    settings = to_jsonable_python({name: row[name] for name in ScheduleSettings.model_fields})
    return blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8).hexdigest()


def must_be(conn: Connection, row: Mapping[str, Any], seen: Collection[str] | None) -> None:
    """Raises ChangedMeanwhile, with who changed what, unless the row is of a version that was `seen`. None: any."""
    now = of(row)
    if seen is None or now in seen:
        return
    since = _since(conn, row, seen)
    told = "; ".join(_change_text(change) for change in since) or "not through Chartline, so who did it is not known"
    raise ChangedMeanwhile(
        f"The settings of {row['slug']} were changed since you saw them: {told}.",
        version=now,
        changes=since,
        advice="Nothing is saved. Look at them as they are now, then change them again.",
    )


def _since(conn: Connection, row: Mapping[str, Any], seen: Collection[str]) -> list[Change]:
    """The changes after what was seen, the newest first: each is undone in thought until it is met."""
    later, _ = changes.listed(conn, action="schedule", subject=row["slug"], limit=LOOK_AT)
    settings, since = dict(row), []
    for change in later:
        if change.after is None:
            break  # removed, and followed anew after that: another schedule
        since.append(change)
        if change.before is None:
            break
        settings |= change.before
        if of(settings) in seen:
            return since
    return since[:1]


def _change_text(change: Change) -> str:
    by = change.who or "somebody"
    if change.before is None:
        return f"{by} followed the chart anew at {change.at:%Y-%m-%d %H:%M} UTC"
    values = ", ".join(
        f"{name} from {_value(change.before[name])} to {_value((change.after or {}).get(name))}"
        for name in ScheduleSettings.model_fields
        if name in change.before
    )
    return f"{by} at {change.at:%Y-%m-%d %H:%M} UTC: {values or 'its history was asked for'}"


def _value(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "on", False: "off"}[value]
    return (" ".join(map(str, value)) or "none") if isinstance(value, list) else str(value)
