"""What the API's answers look like, learned as they come: which fields there are, of which types, what was odd.

Counted in memory and handed over now and then (`SEEN.take`). Of a long list only a few elements are looked at, of a
text only its shape: no value is kept.
"""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from chartline.soundcharts.calls import Answer

Kind = Literal["unread", "in_part", "refused"]

ELEMENTS = 3  # of a list that are looked at
DEPTH = 8
PATHS = 500  # of an answer: an object with names for keys must not fill the warehouse
_NAME = re.compile(r"[A-Za-z_][A-Za-z_-]{0,40}[0-9]{0,2}")
_DIGIT, _LETTER = re.compile(r"[0-9]"), re.compile(r"[^\W\d_]")
_SHOWN = 25


@dataclass
class DriftCounts:
    """Counts since the last time they were taken. Keys begin with the endpoint; paths are like `items[].song`."""

    came: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many objects hold the field, or, for an object's own path, how many objects were looked at."""
    parents: dict[tuple[str, str], str] = field(default_factory=dict)
    types: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    samples: dict[tuple[str, str, str], str] = field(default_factory=dict)
    odd: Counter[tuple[str, str, Kind, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str, Kind, str], str] = field(default_factory=dict)
    """The path of the last answer in which it was so."""


class Observer:
    """Counts for the whole process; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen = DriftCounts()

    def look(self, answer: Answer) -> None:
        """Count the fields of a good answer and their types."""
        with self._lock:
            _walk(self._seen, answer.endpoint, "", answer.data, DEPTH)

    def note(self, answer: Answer, kind: Kind, place: tuple[str | int, ...], was: Any) -> None:
        """Count something odd, once for each answer and place; not again for an answer that is read a second time."""
        if not answer.calls:
            return
        path, seen = path_of(place), was if kind == "in_part" else shape(was)
        with self._lock:
            if (kind, place) in answer.noted:
                return
            answer.noted.add((kind, place))
            self._seen.odd[answer.endpoint, path, kind, seen] += 1
            self._seen.examples[answer.endpoint, path, kind, seen] = answer.path[:500]

    def take(self) -> DriftCounts:
        """What was counted since the last time."""
        with self._lock:
            seen, self._seen = self._seen, DriftCounts()
        return seen


SEEN = Observer()
look, note = SEEN.look, SEEN.note


def path_of(place: tuple[str | int, ...]) -> str:
    """`("items", 3, "song", "name")` as `items[].song.name`."""
    path = ""
    for part in place:
        if isinstance(part, int):
            path += "[]"
        else:
            for name in part.split("."):
                path += "[]" if name.isdigit() else f".{_named(name)}" if path else _named(name)
    return path


def type_of(value: Any) -> str:
    """JSON's name of the value's type."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
    return "other"


def shape(value: Any) -> str:
    """The type and, of a text or a number, its shape without what it says: `string 9999-99`."""
    kind = type_of(value)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        text = str(value)[: _SHOWN + 1]
        masked = _LETTER.sub("a", _DIGIT.sub("9", text[:_SHOWN]))
        return f"{kind} {masked}{'…' if len(text) > _SHOWN else ''}".strip()
    return f"empty {kind}" if value in ([], {}) else kind


def _named(key: str) -> str:
    """A key as it may stand in a path: one that is no plain name (a uuid, a date) stands for all of its kind."""
    return key if _NAME.fullmatch(key) else "*"


def _walk(seen: DriftCounts, endpoint: str, path: str, value: Any, depth: int) -> None:
    if isinstance(value, dict):
        seen.came[endpoint, path] += 1
        for key, inner in value.items():
            name = _named(key)
            below = f"{path}.{name}" if path else name
            if (endpoint, below) not in seen.parents and len(seen.parents) >= PATHS:
                continue
            seen.parents[endpoint, below] = path
            kind = type_of(inner)
            if kind != "object":
                seen.came[endpoint, below] += 1
            kinds = (endpoint, below, kind)
            if kinds not in seen.types:
                seen.samples[kinds] = shape(inner)
            seen.types[kinds] += 1
            if depth and kind in ("object", "array"):
                _walk(seen, endpoint, below, inner, depth - 1)
    elif isinstance(value, list):
        some = value if len(value) <= ELEMENTS else random.sample(value, ELEMENTS)
        for inner in some:
            kinds = (endpoint, f"{path}[]", type_of(inner))
            if kinds not in seen.types:
                seen.samples[kinds] = shape(inner)
            seen.types[kinds] += 1
            if depth and isinstance(inner, dict | list):
                _walk(seen, endpoint, f"{path}[]", inner, depth - 1)
