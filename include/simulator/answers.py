"""How the API answers in general: envelopes, pages, errors, and reading of what was asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

Json = dict[str, Any]
DEFAULT_DAYS = 30
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class ApiError(Exception):
    """A refusal, answered as `{"errors": [{key, code, message}]}`. `location`: where a redirect leads."""

    def __init__(self, status: int, key: str, message: str, location: str = "") -> None:
        super().__init__(message)
        self.status, self.key, self.message, self.location = status, key, message, location

    def body(self) -> Json:
        """The error envelope."""
        return {"errors": [{"key": self.key, "code": self.status, "message": self.message}]}


def not_found(message: str = "Not found.") -> ApiError:
    """404 as the API words it."""
    return ApiError(404, "access", message)


def bad_argument(message: str) -> ApiError:
    """400 as the API words it."""
    return ApiError(400, "argument", message)


def moved(path: str) -> ApiError:
    """A redirect to another path."""
    return ApiError(301, "moved", "Moved permanently.", path)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for beside its path: the query, and the path as it was written (for links to other pages)."""

    path: str
    query: dict[str, str]

    @classmethod
    def of(cls, path: str, query: str) -> Asked:
        """From the decoded path and the raw query. Unknown parameters are kept and ignored."""
        return cls(quote(path, safe="/,:"), dict(parse_qsl(query, keep_blank_values=True)))

    def whole(self, name: str, default: int, least: int, most: int | None = None) -> int:
        """A whole number of the query, within bounds; 400 otherwise."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not re.fullmatch(r"-?\d{1,9}", text) or int(text) < least:
            raise bad_argument(f"{name} must be a whole number from {least} on, got {text!r}.")
        if most is not None and int(text) > most:
            raise bad_argument(f"{name} must be at most {most}, got {text}.")
        return int(text)

    @property
    def offset(self) -> int:
        """Index of the first item asked for."""
        return self.whole("offset", 0, 0)

    @property
    def limit(self) -> int:
        """How many items are asked for, at most 100."""
        return self.whole("limit", 100, 1, 100)

    def newest_first(self, default: bool) -> bool:
        """Whether the query wants the newest item first (`sort`)."""
        order = self.query.get("sort", "").lower()
        if order not in ("", "asc", "desc"):
            raise bad_argument(f"sort must be asc or desc, got {order!r}.")
        return order == "desc" if order else default

    def days(self, today: date) -> tuple[date, date]:
        """First and last day asked for; the last 30 days when the query names none."""
        last = self._day("endDate", today)
        first = self._day("startDate", last - timedelta(days=DEFAULT_DAYS))
        if first > last:
            raise bad_argument(f"startDate {first} is after endDate {last}.")
        return first, last

    def _day(self, name: str, default: date) -> date:
        text = self.query.get(name, "")
        if not text:
            return default
        try:
            return date.fromisoformat(text) if _DAY.fullmatch(text) else datetime.fromisoformat(text).date()
        except ValueError:
            raise bad_argument(f"{name} must be a date such as 2026-03-01, got {text!r}.") from None

    def page(self, total: int) -> Json:
        """The `page` of a list of `total` items."""
        offset, limit = self.offset, self.limit
        return {
            "offset": offset,
            "limit": limit,
            "next": self._link(offset + limit, limit) if offset + limit < total else None,
            "previous": self._link(max(0, offset - limit), limit) if offset else None,
            "total": total,
        }

    def _link(self, offset: int, limit: int) -> str:
        others = {name: value for name, value in self.query.items() if name not in ("offset", "limit")}
        return f"{self.path}?{urlencode({'offset': offset, 'limit': limit} | others)}"

    def cut(self, items: Sequence[Any]) -> Sequence[Any]:
        """The items of the asked page."""
        return items[self.offset : self.offset + self.limit]


def single(kind: str, thing: Json) -> Json:
    """One entity."""
    return {"type": kind, "object": thing, "errors": []}


def collection(items: list[Any], page: Json, related: Json | None = None) -> Json:
    """One page of a list."""
    body: Json = {} if related is None else {"related": related}
    return body | {"items": items, "page": page, "errors": []}
