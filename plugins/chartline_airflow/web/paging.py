"""Lists a part at a time, and the kinds of parameters that routes share.

class Query(PageQuery):
    platform: Text = ""

@router.get("/things/")
def things(query: Annotated[Query, Query_()], conn: Warehouse) -> Page[Thing]: ...
"""

from __future__ import annotations

from datetime import date
from re import fullmatch
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

LIMIT, MOST, DEEPEST = 50, 500, 1_000_000

Item = TypeVar("Item")


def _plain(text: str) -> str:
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise ValueError("holds characters that are not text")
    return text


Text = Annotated[str, Field(max_length=200), AfterValidator(_plain)]
"""A word or a few, to filter by."""


def _iso(given: object) -> date:
    if isinstance(given, str):
        try:
            if fullmatch(r"\d{4}-\d\d-\d\d", given):  # else weeks and the like would pass
                return date.fromisoformat(given)
        except ValueError:
            pass
    raise ValueError("is no day: write YYYY-MM-DD")


Day = Annotated[date, BeforeValidator(_iso)]
"""Only as YYYY-MM-DD: a number is no day."""


class PageQuery(BaseModel):
    """What every list takes: `limit` items, `offset` of them left out. Unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(LIMIT, ge=1, le=MOST, description="how many at most")
    offset: int = Field(0, ge=0, le=DEEPEST, description="how many to leave out")


class Page(BaseModel, Generic[Item]):
    """A part of a list. `total` counts all that the filter leaves, `next_offset` is where the next part begins."""

    items: list[Item]
    total: int
    limit: int
    offset: int
    next_offset: int | None = None

    @classmethod
    def of(cls, items: list[Item], total: int, query: PageQuery) -> Page[Item]:
        """The page of a query."""
        end = query.offset + len(items)
        following = end if items and end < total else None
        return cls(items=items, total=total, limit=query.limit, offset=query.offset, next_offset=following)
