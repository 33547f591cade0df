"""One call's way through the simulator: credentials, limits, faults, the answer, the bill, the book."""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from simulator.accounts import Accounts, Caller, OAuthError
from simulator.answers import ApiError, Asked, Json
from simulator.clock import Clock
from simulator.counts import MULTI_ENTITY, Counts, Noted
from simulator.endpoints import TOKEN, Ask, Route
from simulator.faults import ALL_KINDS, BEFORE_ANSWER, NEEDS_TOKEN, FaultRule, Faults, Strike, inflate_total, shorten
from simulator.limits import Allowance, Quota, RateLimit
from simulator.odd_answers import HUGE_RESET, OddAnswers
from simulator.oddities import Oddities
from simulator.settings import Settings
from simulator.world import World

_GATEWAY_TROUBLE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"
_DISCONNECT_POLL = 0.25


class CutResponse(Response):
    """Announces its whole body, sends half of it, and lets the server drop the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head and half of the body, and then no more."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})


@dataclass(slots=True)
class Reply:
    """What a call comes to."""

    status: int
    body: bytes
    media_type: str = "application/json"
    fault: str = ""
    quota_refused: bool = False
    location: str = ""


@dataclass(slots=True)
class Visit:
    """One call on its way."""

    route: Route
    entity: str
    facet: str
    asked: Asked
    arrived: float = field(default_factory=time.time)
    started: float = field(default_factory=time.perf_counter)
    allowance: Allowance | None = None

    @property
    def entities(self) -> list[str]:
        """The entities that the call asks for."""
        return self.entity.split(MULTI_ENTITY) if self.entity else []


class Service:
    """The state of a running simulator and how it answers. `control_token`: without one nobody steers it by HTTP."""

    def __init__(
        self,
        world: World | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
        control_token: str = "",
    ) -> None:
        self.control_token = control_token
        self.world = world or World()
        self.clock = clock or Clock()
        self.accounts = Accounts()
        self.counts = Counts()
        self.configure(settings or Settings())

    def configure(self, settings: Settings, changed: frozenset[str] | None = None) -> None:
        """Put settings in force. Only what is `changed` starts afresh (quota, strikes left); None means all."""
        self.settings = settings
        self.oddities = Oddities(settings.oddities)
        self.world.odd = OddAnswers(self.world.seed, settings.odd_answers)
        if changed is None or "quota" in changed:
            self.quota = Quota(settings.quota)
        if changed is None or "faults" in changed:
            self.faults = Faults(settings.faults)
        if changed is None:
            self.rate = RateLimit(settings.rate_limit_per_minute)
        self.rate.per_minute = settings.rate_limit_per_minute

    def change_world(self, world: World) -> None:
        """Show another world, with the same odd answers."""
        world.odd = OddAnswers(world.seed, self.settings.odd_answers)
        self.world = world

    # -- API calls -----------------------------------------------------------------------------------------------

    async def answer(self, route: Route, request: Request) -> Response:
        """Answer one API call, and write it down."""
        params = request.path_params
        asked = Asked.of(request.scope["path"], request.scope["query_string"].decode("latin-1"))
        visit = Visit(route, params.get("entity", ""), params.get("facet", ""), asked)
        try:
            reply = await self._attempt(visit, request)
        except ApiError as refusal:
            reply = self._refused(refusal, visit, request)
        return await self._close(visit, reply)

    def _refused(self, refusal: ApiError, visit: Visit, request: Request, fault: str = "") -> Reply:
        body = refusal.body()
        if self._odd("echo", visit):
            body |= {"request": {"method": request.method, "headers": dict(request.headers)}}
        return Reply(
            refusal.status,
            self._encode(body, ""),
            fault=fault,
            quota_refused=refusal.key == "quota",
            location=refusal.location,
        )

    def _odd(self, name: str, visit: Visit) -> bool:
        return self.world.odd.strikes(name, visit.route.name, visit.entity, visit.facet)

    async def _attempt(self, visit: Visit, request: Request) -> Reply:
        caller = self.accounts.who(request.headers, self.settings)
        self._admit(visit, caller)
        kinds = ALL_KINDS if caller.token else ALL_KINDS - NEEDS_TOKEN
        strike = self.faults.strike(self.world.seed, visit.route.name, visit.entities, visit.facet, kinds)
        if strike.rule is not None and strike.rule.kind in BEFORE_ANSWER | NEEDS_TOKEN:
            return await self._fail(strike.rule, visit, request, caller.token)
        return self._succeed(visit, strike)

    def _admit(self, visit: Visit, caller: Caller) -> None:
        """The two limits; the message of the first is what clients tell them apart by."""
        visit.allowance = self.rate.take(caller.account, time.monotonic_ns())
        if not visit.allowance.allowed:
            raise self._minute_over()
        if self.quota.spent_up and not visit.route.free:
            raise ApiError(429, "quota", "The maximum quota of your subscription is reached.")

    def _minute_over(self) -> ApiError:
        limit = self.settings.rate_limit_per_minute
        return ApiError(429, "rate_limit", f"The maximum request count of {limit} per minute is reached.")

    async def _fail(self, rule: FaultRule, visit: Visit, request: Request, token: str | None = None) -> Reply:
        """An answer that fails outright."""
        if rule.kind == "minute_limit":
            return self._refused(self._minute_over(), visit, request, rule.kind)
        status = rule.status
        if rule.kind == "timeout":
            await self._hang(request)
            status = 504
        elif rule.kind == "expired_token" and token is not None:
            self.accounts.expire(token)
            status = 401
        if status > 500:
            return Reply(status, _GATEWAY_TROUBLE.format(status).encode(), "text/html", fault=rule.kind)
        return self._refused(_refusal(status), visit, request, rule.kind)

    async def _hang(self, request: Request) -> None:
        ends = time.perf_counter() + self.settings.timeout_seconds
        while (left := ends - time.perf_counter()) > 0 and not await request.is_disconnected():
            await asyncio.sleep(min(_DISCONNECT_POLL, left))

    def _succeed(self, visit: Visit, strike: Strike) -> Reply:
        ask = Ask(
            world=self.world,
            now=self.clock.now(),
            settings=self.settings,
            oddities=self.oddities,
            entity=visit.entity,
            facet=visit.facet,
            asked=visit.asked,
            quota_left=self.quota.left,
            absent=strike.absent,
        )
        body = visit.route.handler(ask)
        kind = strike.rule.kind if strike.rule else ""
        if kind == "short_page":
            body = shorten(body)
        elif kind == "wrong_total":
            body = inflate_total(body)
        encoded = self._encode(body, visit.asked.path)
        return Reply(200, encoded[: len(encoded) * 2 // 3] if kind == "malformed" else encoded, fault=kind)

    def _encode(self, body: Json, about: str) -> bytes:
        if about and self.oddities.strikes("no_errors_key", about):
            body = {name: value for name, value in body.items() if name != "errors"}
        ascii_only = bool(about) and self.oddities.strikes("escaped_unicode", about)
        text = json.dumps(body, ensure_ascii=ascii_only, separators=(",", ":"))
        if about and self.oddities.strikes("escaped_slashes", about):
            text = text.replace("/", "\\/")
        return text.encode()

    async def _close(self, visit: Visit, reply: Reply) -> Response:
        """Wait out the latency, bill, note, and add the headers."""
        await self._linger(visit.started)
        billed = reply.status == 200 and not visit.route.free
        if billed:
            self.quota.bill()
        self._note(visit, reply, billed=billed)
        kind = CutResponse if reply.fault == "cut" else Response
        return kind(reply.body, reply.status, self._headers(visit, reply), reply.media_type)

    async def _linger(self, started: float) -> None:
        own = self.settings
        jitter = random.uniform(-own.latency_jitter_ms, own.latency_jitter_ms)
        left = started + (own.latency_ms + jitter) / 1000 - time.perf_counter()
        if left > 0:
            await asyncio.sleep(left)

    def _headers(self, visit: Visit, reply: Reply) -> dict[str, str]:
        allowance = visit.allowance
        left = str(self.quota.left) if not self.oddities.strikes("quota_text") else "unlimited"
        headers = {"x-quota-remaining": left}
        if allowance is not None and not reply.quota_refused:
            headers |= {
                "x-ratelimit-limit": str(self.settings.rate_limit_per_minute),
                "x-ratelimit-remaining": str(allowance.remaining),
                "x-ratelimit-reset": str(allowance.reset),
            }
            if reply.status == 429 and self._odd("reset-huge", visit):
                headers["x-ratelimit-reset"] = str(HUGE_RESET)
        if reply.location:
            headers["location"] = reply.location
        return headers

    def _note(self, visit: Visit, reply: Reply, *, billed: bool) -> None:
        query = visit.asked.query
        window = f"{query.get('startDate', '')}..{query.get('endDate', '')}"
        offset = query.get("offset", "")
        self.counts.note(
            Noted(
                at=visit.arrived,
                endpoint=visit.route.name,
                entity=visit.entity,
                facet=visit.facet,
                window="" if window == ".." else window,
                offset=int(offset) if offset.isdecimal() else 0,
                status=reply.status,
                billed=billed,
                fault=reply.fault,
            )
        )

    # -- tokens --------------------------------------------------------------------------------------------------

    async def token(self, request: Request) -> Response:
        """Answer the token endpoint, which has OAuth's own error form and no quota."""
        visit = Visit(TOKEN, "", "", Asked(TOKEN.path, {}))
        strike = self.faults.strike(self.world.seed, visit.route.name, [], "", BEFORE_ANSWER)
        form = (await request.body()).decode("utf-8", "replace")
        reply = self._granted(request, form) if strike.rule is None else await self._fail(strike.rule, visit, request)
        await self._linger(visit.started)
        self._note(visit, reply, billed=False)
        return Response(reply.body, reply.status, {"cache-control": "no-store"}, reply.media_type)

    def _granted(self, request: Request, form: str) -> Reply:
        try:
            grant: dict[str, Any] = self.accounts.grant(request.headers, form, self.settings)
        except OAuthError as refusal:
            return Reply(refusal.status, json.dumps(refusal.body()).encode())
        if self.oddities.strikes("no_expires_in"):
            del grant["expires_in"]
        return Reply(200, json.dumps(grant).encode())


def _refusal(status: int) -> ApiError:
    known = {
        400: ("argument", "The request is malformed."),
        401: ("auth", "You are not logged in."),
        403: ("access", "Your plan does not include this endpoint."),
        404: ("access", "Not found."),
        405: ("method", "Method not allowed."),
        410: ("gone", "This entity is no longer available."),
        429: ("quota", "The maximum quota of your subscription is reached."),
    }
    key, message = known.get(status, ("server", "Internal server error."))
    return ApiError(status, key, message)
