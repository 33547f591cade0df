"""The sums of an estimate while it is made."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from math import ceil

from chartline.cascade import resources
from chartline.cascade.planning import Ask
from chartline.cascade.resources import Resource, Series
from chartline.costs import weights
from chartline.costs.model import NOTHING, Estimate, Range
from chartline.settings import Settings
from chartline.warehouse.connect import Connection
from chartline.warehouse.ledger import Item
from chartline.warehouse.reads import account, costs

ENOUGH_WINDOWS = 100
"""Windows from which the pages that they had say something."""
ROOM = 1.5


@dataclass
class Tally:
    """Adds up calls. `stale_before`: what was fetched before it is asked again."""

    conn: Connection
    settings: Settings
    today: date
    stale_before: datetime | None = None
    calls: dict[str, Range] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, kind: str, low: int, high: int) -> None:
        """So many calls of a kind."""
        if high:
            self.calls[kind] = self.calls.get(kind, NOTHING) + Range(low=min(low, high), high=high)

    def price(self, ask: Ask, further: tuple[int, int] = (0, 0)) -> None:
        """What planning would lease of `ask`, exact but for its further pages, and as much for so many more of its
        tracks or artists, at the least and at the most, that are not known yet."""
        reach = ask.reach(self.today, self.settings)
        due = costs.due(self.conn, ask.resource.name, ask.wants, stale_before=self.stale_before, reach=reach)
        items: dict[str, list[Item]] = defaultdict(list)
        for item in due:
            items[item.facet].append(item)
        for facet in ask.facets:
            low, high = (
                ask.calls([*items[facet], *[Item("", facet)] * more], self.today, self.settings) for more in further
            )
            self.add(ask.resource.kind(facet), low, ceil(high * self.pages(ask.resource)))

    def pages(self, resource: Resource) -> float:
        """Pages of a call, at the most and on average."""
        if not isinstance(resource, Series) or resource.pages == 1:
            return 1
        made, first = costs.pages(self.conn, resource.name)
        return min(resource.pages, made / first * ROOM) if first >= ENOUGH_WINDOWS else resource.pages

    def estimate(self, about: str, per_minute: int | None, places: int = 0) -> Estimate:
        """The sums. places: entries of a ranking, at the most."""
        quota = account.see(self.conn).left
        if quota is None:
            self.notes.append("How much of the quota is left is not known: no answer of the API has said so yet.")
        order = {entry.name: place for place, entry in enumerate(resources.entries())}
        calls = dict(sorted(self.calls.items(), key=lambda pair: (order[pair[0].split()[0]], pair[0])))
        weight = weights.Weights.of(self.conn, places)
        low, high = (
            sum(weight.of_calls(kind, getattr(count, side)) for kind, count in calls.items())
            for side in ("low", "high")
        )
        return Estimate(
            about=about,
            calls=calls,
            per_minute=per_minute or self.settings.calls_per_minute,
            quota_left=quota,
            storage_bytes=Range(low=low, high=high),
            notes=tuple(dict.fromkeys(self.notes)),
        )
