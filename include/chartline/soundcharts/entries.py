"""The rows of a ranking's pages: which of them came twice, and whether all have come.

One place decides: the client before it takes a ranking, the warehouse before it stores the kept pages.

- Two rows of one position and track are the same entry, listed twice: it counts once, and the later one is read.
- Two tracks at one position are a tie, one track at two positions is two entries: all are kept.
- A total may count the doubles or not; where it does, no position may be missing, as a double may have pushed
  another row out of the list.
- Rows at position 0 left the chart; a total may count them or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chartline.soundcharts.models import RankingItem


@dataclass(frozen=True)
class Entries:
    """`items`: each entry once, in the order of the pages. `listed`: positions of all rows, doubles too."""

    items: tuple[RankingItem, ...]
    listed: tuple[int, ...]
    doubled_across: bool
    """Whether a row of one page came again on another."""

    @classmethod
    def of(cls, pages: Iterable[Sequence[RankingItem]]) -> Entries:
        """The entries of a ranking's pages, in order."""
        entries: dict[tuple[int, str], RankingItem] = {}
        page_of: dict[tuple[int, str], int] = {}
        listed: list[int] = []
        across = False
        for number, items in enumerate(pages):
            for item in items:
                key = (item.position, item.song.uuid)
                across = across or page_of.setdefault(key, number) != number
                entries[key] = item
                listed.append(item.position)
        return cls(tuple(entries.values()), tuple(listed), across)

    @property
    def doubles(self) -> int:
        """Rows that were listed before."""
        return len(self.listed) - len(self.items)

    @property
    def charted(self) -> list[RankingItem]:
        """Those that are on the chart."""
        return [item for item in self.items if item.position]

    def are_whole(self, total: int) -> bool:
        """Whether these are all entries of a ranking of which the API states this total."""
        return self._come_to(total) or self._count_doubles(total)

    def total(self, stated: int) -> int:
        """How many entries the ranking holds: the stated total, without doubles that it counts."""
        return stated - self.doubles if not self._come_to(stated) and self._count_doubles(stated) else stated

    def _come_to(self, total: int) -> bool:
        """Where the total counts rows that left, no position is above the number of the others: a gap is a loss."""
        return len(self.charted) == total or (len(self.items) == total and self._without_gap)

    def _count_doubles(self, total: int) -> bool:
        charted = sum(position > 0 for position in self.listed)
        return bool(self.doubles) and self._without_gap and total in (charted, len(self.listed))

    @property
    def _without_gap(self) -> bool:
        charted = self.charted
        return max((item.position for item in charted), default=0) <= len(charted)
