"""Why a thing of the truth is not in a warehouse: the simulator itself does not give it, or what the ledger says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg

from chartline.cascade.resources import LISTS, RESOURCES
from simulator.faults import FaultRule
from simulator.needed import AIRPLAY
from simulator.settings import Settings
from simulator.world import World

ABSENT = frozenset({404, 410})
OWED = frozenset({"never", "failed", "deferred"})
"""Outcomes with which something is still to be fetched."""


@dataclass(frozen=True)
class Item:
    """A thing that is fetched, by the names of the ledger."""

    resource: str
    entity: str
    facet: str = ""


@dataclass(frozen=True)
class Known:
    """What the ledger says of a thing that is not had: `outcome`, and of a failure its kind and its words."""

    outcome: str
    kind: str = ""
    reason: str = ""

    @property
    def way(self) -> str:
        """In two words, as differences are counted by."""
        return f"{self.outcome} {self.kind}".strip()

    def __str__(self) -> str:
        return f"{self.way}: {self.reason}" if self.reason else self.way


class Given:
    """What the simulator gives, by its world and by the faults that are in force. `settings`: those of its server."""

    def __init__(self, world: World, settings: Settings | None = None) -> None:
        own = settings or Settings()
        self._world, self._dropped = world, frozenset(own.dropped_platforms)
        self._faults = [
            rule for rule in own.faults if rule.kind == "status" and rule.status in ABSENT and rule.per == "entity"
        ]
        self._all = not (self._faults or self._dropped or world.odd)
        self._known: dict[Item, bool] = {}

    def has(self, item: Item) -> bool:
        """Whether a good answer about it can be had at all."""
        if self._all:
            return True
        if item not in self._known:
            self._known[item] = not (
                item.facet in self._dropped
                or any(self._leaves_out(rule, item) for rule in self._faults)
                or self._world.odd.fails(item.resource, item.entity, item.facet)
            )
        return self._known[item]

    def _leaves_out(self, rule: FaultRule, item: Item) -> bool:
        endpoint = RESOURCES[item.resource].endpoint.name if item.resource in RESOURCES else item.resource
        facet = "" if item.facet == AIRPLAY else item.facet
        return rule.looks_at(endpoint, [item.entity], facet) and rule.afflicts(self._world.seed, item.entity)


class Ledger:
    """What a warehouse's ledger says of the things that it does not have."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self._rows = {
            Item(resource, entity, facet): Known(outcome, kind or "", why or "")
            for resource, entity, facet, outcome, kind, why in conn.execute(
                """select resource, entity, facet, outcome, error_kind, error from fetch_ledger
                   where outcome not in ('ok', 'empty') and resource = any(%s)""",
                ([*RESOURCES, *(one.name for one in LISTS)],),
            )
        }
        self._left = {
            Item("ranking", slug, day.isoformat()): Known("left", reason=why or "")
            for slug, day, why in conn.execute(
                "select chart_slug, unnest(days_left), error from chart_sync_execution order by id"
            )
        }

    def of(self, item: Item) -> Known | None:
        """What it says of one that is not had; None: nothing, or that it was had."""
        return self._rows.get(item) or self._left.get(item)

    def of_any(self, items: Iterable[Item]) -> Known | None:
        """What it says of the first of these that is not had."""
        return next((known for item in items if (known := self.of(item))), None)

    def with_outcomes(self, outcomes: Iterable[str]) -> dict[Item, Known]:
        """All that ended so."""
        wanted = frozenset(outcomes)
        return {item: known for item, known in self._rows.items() if known.outcome in wanted}
