"""Faults that the server commits on purpose, by rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from simulator.mixing import chance, mix, salt

FaultKind = Literal[
    "status", "minute_limit", "timeout", "cut", "malformed", "short_page", "wrong_total", "expired_token"
]
ALL_KINDS = frozenset(get_args(FaultKind))
NEEDS_TOKEN = frozenset({"expired_token"})
BEFORE_ANSWER = frozenset({"status", "minute_limit", "timeout"})


class Match(BaseModel):
    """Which calls a rule looks at: shell-style patterns of the endpoint's name, the entity and the facet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str = "*"
    entity: str = "*"
    facet: str = "*"


class FaultRule(BaseModel):
    """One fault: what it matches, how often it strikes, what then happens.

    `per: call` strikes a share of all calls; `per: entity` strikes always the same share of entities.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: Match = Match()
    share: float = Field(1.0, ge=0, le=1)
    per: Literal["call", "entity"] = "call"
    kind: FaultKind
    status: int = Field(500, ge=400, le=599, description="for kind `status`")
    times: int | None = Field(None, ge=1, description="strike at most so often, then never again")

    @model_validator(mode="before")
    @classmethod
    def _endpoint_pattern(cls, given: Any) -> Any:
        """`match` may be given as just the endpoint's pattern."""
        if isinstance(given, dict) and isinstance(given.get("match"), str):
            return given | {"match": {"endpoint": given["match"]}}
        return given

    def looks_at(self, endpoint: str, entities: Sequence[str], facet: str) -> bool:
        """Whether the rule is about such a call, whatever its share."""
        return (
            fnmatchcase(endpoint, self.match.endpoint)
            and fnmatchcase(facet, self.match.facet)
            and any(fnmatchcase(entity, self.match.entity) for entity in (entities or ("",)))
        )

    def afflicts(self, seed: int, entity: str) -> bool:
        """Whether a rule `per: entity` always strikes this entity; the endpoint plays no part in the choice."""
        about = f"{self.kind} {self.status if self.kind == 'status' else ''} {entity}"
        return bool(entity) and fnmatchcase(entity, self.match.entity) and chance(mix(seed, salt(about)), self.share)


@dataclass(frozen=True, slots=True)
class Strike:
    """What befalls a call: entities to leave out of a batch, and at most one fault."""

    absent: frozenset[str] = frozenset()
    rule: FaultRule | None = None


class Faults:
    """The rules in force, with the strikes that each has left."""

    def __init__(self, rules: Sequence[FaultRule] = ()) -> None:
        self._rules = list(rules)
        self._left = [rule.times for rule in self._rules]
        self._turn = 0

    def strike(
        self, seed: int, endpoint: str, entities: Sequence[str], facet: str, kinds: frozenset[str] = ALL_KINDS
    ) -> Strike:
        """What befalls this call, of `kinds`. In a batch, a 404 of single entities leaves only these out."""
        absent: set[str] = set()
        self._turn += 1
        for index, rule in enumerate(self._rules):
            if self._left[index] == 0 or rule.kind not in kinds:
                continue
            if not rule.looks_at(endpoint, entities, facet):
                continue
            if rule.per == "call":
                hit = set(entities) if chance(mix(seed, self._turn, index), rule.share) else None
            else:
                hit = {entity for entity in entities if rule.afflicts(seed, entity)} or None
            if hit is None:
                continue
            self._spend(index)
            leaves_out = rule.per == "entity" and rule.kind == "status" and rule.status == 404
            if not (leaves_out and len(entities) > 1):
                return Strike(frozenset(absent), rule)
            absent |= hit
        return Strike(frozenset(absent))

    def _spend(self, index: int) -> None:
        left = self._left[index]
        if left is not None:
            self._left[index] = left - 1


def shorten(body: dict[str, Any]) -> dict[str, Any]:
    """A page that lacks its last item but still states the full total."""
    return body | {"items": body["items"][:-1]} if body.get("items") else body


def inflate_total(body: dict[str, Any]) -> dict[str, Any]:
    """A page that states seven more items than there are."""
    return body | {"page": body["page"] | {"total": body["page"]["total"] + 7}} if "page" in body else body
