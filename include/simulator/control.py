"""`/_control` and `/_truth`: how tests, benchmarks and people steer the simulator and look behind it.

Served to callers on this machine only, who know the token of this start, and never counted.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, date, timedelta
from ipaddress import ip_address
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Body, Depends, HTTPException, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from simulator.counts import Noted
from simulator.faults import FaultRule
from simulator.needed import ChartAsk, HistoryNeeds, needed_calls, needed_history
from simulator.service import Service
from simulator.settings import CONTROL_HEADER, TOKEN_VARIABLE, Settings
from simulator.world import World

Model = TypeVar("Model", bound=BaseModel)
Change = Annotated[dict[str, Any], Body()]


def _only_for(token: str) -> Callable[[Request], None]:
    """Lets in who is on this machine and shows the token; nobody where there is none.

    To callers from other machines it is as if there were nothing here.
    """

    def check(request: Request) -> None:
        _local_only(request)
        shown = request.headers.get(CONTROL_HEADER, "")
        if not token or not hmac.compare_digest(shown.encode(), token.encode()):
            advice = f"Send the token of {TOKEN_VARIABLE} in the header {CONTROL_HEADER}: see docs/simulator.md."
            raise HTTPException(401, advice)

    return check


def _local_only(request: Request) -> None:
    host = request.client.host if request.client else ""
    try:
        local = ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise HTTPException(404)


def _merged(current: Model, change: dict[str, Any]) -> Model:
    """The settings with a change, or 422 that names every key in the wrong."""
    try:
        return type(current).model_validate(current.model_dump() | change)
    except ValidationError as refused:
        raise HTTPException(422, refused.errors(include_url=False, include_context=False)) from None


class ClockChange(BaseModel):
    """What to do to the clock: `set` a moment, then `advance_seconds`, then freeze or run; `real`: undo all."""

    model_config = ConfigDict(extra="forbid")

    set: AwareDatetime | None = None
    advance_seconds: float = 0
    frozen: bool | None = None
    real: bool = False


class NeededAsk(BaseModel):
    """For which charts to work out the calls of a complete first fill. The time is the simulator's unless given."""

    model_config = ConfigDict(extra="forbid")

    charts: list[ChartAsk]
    as_of: AwareDatetime | None = None
    track_order: list[str] | None = None
    artist_order: list[str] | None = None


class HistoryNeededAsk(BaseModel):
    """For which charts to work out the calls of a fill with the past. The time is the simulator's unless given."""

    model_config = ConfigDict(extra="forbid")

    charts: list[ChartAsk]
    as_of: AwareDatetime | None = None


def _clock_state(service: Service) -> dict[str, Any]:
    return {"now": service.clock.now(), "frozen": service.clock.frozen}


def control_routes(service: Service) -> APIRouter:
    """The routes below `/_control`."""
    router = APIRouter(prefix="/_control", dependencies=[Depends(_only_for(service.control_token))])

    @router.get("/settings")
    async def settings() -> dict[str, Any]:
        """The settings in force and the quota left."""
        return service.settings.model_dump(mode="json") | {"quota_left": service.quota.left}

    @router.post("/settings")
    async def change_settings(change: Change) -> dict[str, Any]:
        """Change the given settings and leave the others."""
        service.configure(_merged(service.settings, change), frozenset(change))
        return await settings()

    @router.get("/world")
    async def world() -> dict[str, Any]:
        """All that defines the world: `World(**this)` is the same one."""
        return service.world.settings.model_dump(mode="json")

    @router.post("/world")
    async def change_world(change: Change) -> dict[str, Any]:
        """Another world: change the given settings and leave the others. Counts and clock stay."""
        service.change_world(World(**_merged(service.world.settings, change).model_dump()))
        return await world()

    @router.get("/clock")
    async def clock() -> dict[str, Any]:
        """The world's time."""
        return _clock_state(service)

    @router.post("/clock")
    async def change_clock(change: ClockChange) -> dict[str, Any]:
        """Set, advance, freeze or release the world's time."""
        if change.real:
            service.clock.reset()
        frozen = service.clock.frozen if change.frozen is None else change.frozen
        moment = (change.set or service.clock.now()) + timedelta(seconds=change.advance_seconds)
        if change.set or change.advance_seconds or change.frozen is not None:
            service.clock.set(moment, frozen=frozen)
        return _clock_state(service)

    @router.get("/counts")
    async def counts() -> dict[str, Any]:
        """Calls since the last reset, by endpoint; billed ones; answers that were asked for again."""
        return service.counts.summary()

    @router.get("/log")
    async def log(endpoint: str = "", entity: str = "", since: float = 0.0, limit: int = 10_000) -> dict[str, Any]:
        """The newest calls, oldest first: `columns` and `rows`."""
        rows = service.counts.log(endpoint=endpoint, entity=entity, since=since, limit=limit)
        return {"columns": Noted._fields, "rows": list(rows)}

    @router.post("/reset")
    async def reset(settings: bool = False, clock: bool = False) -> dict[str, Any]:
        """Forget all calls, the minute's too; with `settings` or `clock` set these back to their defaults as well."""
        service.counts.reset()
        service.rate.reset()
        if settings:
            service.configure(Settings())
        if clock:
            service.clock.reset()
        return service.counts.summary()

    return router


def truth_routes(service: Service) -> APIRouter:
    """The routes below `/_truth`: what the world really is, whatever faults and oddities show."""
    router = APIRouter(prefix="/_truth", dependencies=[Depends(_only_for(service.control_token))])

    @router.get("/rankings/{slug}")
    async def ranking(slug: str, day: date | None = None) -> dict[str, Any]:
        """A ranking; the newest visible one unless a day is given."""
        try:
            chosen = day or service.world.latest_day(slug, service.clock.now())
            if chosen is None:
                raise ValueError(f"{slug} has no ranking yet")
            return asdict(service.world.ranking(slug, chosen))
        except (KeyError, ValueError) as absent:
            raise HTTPException(404, str(absent)) from None

    @router.get("/songs/{uuid}")
    async def song(uuid: str) -> dict[str, Any]:
        """A track."""
        return _shown(service.world.song(uuid), f"track {uuid}")

    @router.get("/artists/{uuid}")
    async def artist(uuid: str) -> dict[str, Any]:
        """An artist."""
        return _shown(service.world.artist(uuid), f"artist {uuid}")

    @router.get("/faulted")
    async def faulted(uuids: str) -> dict[str, list[str]]:
        """Which of the comma-listed entities each `per: entity` fault strikes: kind (and status) to uuids."""
        return {
            f"{rule.kind} {rule.status}" if rule.kind == "status" else rule.kind: _afflicted(
                service, rule, uuids.split(",")
            )
            for rule in service.settings.faults
            if rule.per == "entity"
        }

    @router.post("/needed")
    async def needed(ask: NeededAsk) -> dict[str, dict[str, int]]:
        """The calls that a complete first fill of these charts needs, by chart and endpoint."""
        as_of = (ask.as_of or service.clock.now()).astimezone(UTC)
        try:
            return needed_calls(service.world, as_of, ask.charts, ask.track_order, ask.artist_order)
        except (KeyError, ValueError) as absent:
            raise HTTPException(404, str(absent)) from None

    @router.post("/needed-history")
    def needed_with_history(ask: HistoryNeededAsk) -> HistoryNeeds:
        """The calls that these charts need with their past. Off the loop: a year takes seconds to work out."""
        as_of = (ask.as_of or service.clock.now()).astimezone(UTC)
        try:
            return needed_history(service.world, as_of, ask.charts)
        except (KeyError, ValueError) as absent:
            raise HTTPException(404, str(absent)) from None

    return router


def _afflicted(service: Service, rule: FaultRule, uuids: Sequence[str]) -> list[str]:
    return [uuid for uuid in uuids if rule.afflicts(service.world.seed, uuid)]


def _shown(thing: Any, what: str) -> dict[str, Any]:
    if thing is None:
        raise HTTPException(404, f"the world has no {what}")
    return asdict(thing)
