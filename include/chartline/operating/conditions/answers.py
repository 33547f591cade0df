"""Whether the API's answers are as they were and as was agreed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from chartline.operating.conditions.verdict import Verdict
from chartline.warehouse import drift
from chartline.warehouse.connect import Connection
from chartline.warehouse.drift import Drift, DriftStanding, Kind

RECENT = timedelta(days=7)
LONG = timedelta(days=30)
"""For so long a field that is gone is worth a warning: then it is how the API is."""
MEANING: Mapping[Kind, str] = {
    "gone": "gone from most answers",
    "appeared": "new",
    "type": "of a new type",
    "unread": "left out as they cannot be read",
    "in_part": "incomplete dates",
    "refused": "odd so that an item was refused",
}
ADVICE = (
    "See them with: chartline drift. Look at a raw answer and at Soundcharts' change log: if the field has another "
    "name now, the model of the answer needs a change, and the raw answers that are kept can be read again. What was "
    "stored before stays. More in docs/howto/drift.md."
)


def judge(conn: Connection, now: datetime) -> Verdict:
    """Of what was noticed lately. One query."""
    differences = drift.standing(conn, now - RECENT, now - LONG)
    gone = sum(one.count for one in differences if one.kind == "gone")
    what = summary(differences)
    return Verdict("answers", "warning", what, ADVICE, count=gone) if gone else Verdict("answers", "ok", what)


def gone(conn: Connection, now: datetime) -> list[Drift]:
    """The fields that always came and went missing within `LONG`."""
    differences, _ = drift.listed(conn, kind=["gone"], limit=200)
    return [one for one in differences if one.first_seen_at > now - LONG]


def summary(differences: Sequence[DriftStanding]) -> str:
    """One line: how many fields of each kind, and which are gone."""
    if not differences:
        return "The API's answers are as agreed, and as they were before."
    counts = {one.kind: one for one in differences}
    told = ", ".join(f"{counts[kind].count} {meaning}" for kind, meaning in MEANING.items() if kind in counts)
    gone = counts.get("gone")
    return f"Fields of the API's answers: {told}." + (f" Gone: {', '.join(gone.names)}." if gone else "")
