"""Bringing the audience of one track or artist up to date, once, whoever asks.

How old a series is, the ledger says. Who asks for a stale one claims its refresh in the ledger, which gives each
platform to one asker, of however many processes. The claim is the run's, which gives it back when it ends, whatever
became of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import psycopg
from pydantic import BaseModel

from chartline.cascade.resources import ARTIST_AIRPLAY, ARTIST_AUDIENCE, ARTIST_LISTENERS, TRACK_AIRPLAY, TRACK_AUDIENCE
from chartline.errors import BadInput
from chartline.schedules import platforms
from chartline.schedules.runs import refresh_run_id
from chartline.settings import Settings
from chartline.warehouse import series
from chartline.warehouse.entity_lists import Kind
from chartline.warehouse.series import Known

Connection = psycopg.Connection[Any]

DAG_ID = "audience_refresh"
AFTER_TROUBLE = timedelta(minutes=1)
"""Until a refresh that could not be started may be tried again."""

State = Literal["not_needed", "started", "running", "put_off"]


class Refresh(BaseModel):
    """What is done about a stale series. `started`: by this very request; `running`: by an earlier one, or as part of a
    chart's run; `put_off`: not now, for the `reason`."""

    state: State
    dag_id: str | None = None
    run_id: str | None = None
    platforms: list[str] = []
    reason: str = ""


@dataclass(frozen=True)
class Age:
    """What the ledger says of a platform's series. `owner`: the run (`dag id/run id`) that is at it."""

    platform: str
    outcome: str
    fetched_at: datetime | None
    stale: bool
    owner: str | None
    crawled_at: datetime | None = None
    """When the source itself last looked; None where it does not say."""

    def days(self, now: datetime) -> float | None:
        """How old it is; None when it was never fetched."""
        return None if self.fetched_at is None else round(max((now - self.fetched_at) / timedelta(days=1), 0), 1)


@dataclass(frozen=True)
class Start:
    """A refresh that fell to the asker: the run to trigger."""

    uuid: str
    platforms: tuple[str, ...]
    run_id: str
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """The name under which it is claimed, and under which its run works."""
        return f"{DAG_ID}/{self.run_id}"


def chosen(kind: Kind, codes: Iterable[str]) -> tuple[str, ...]:
    """The platforms asked for, the usual ones where none is. Raises BadInput (field `platforms`)."""
    served, usual = (
        (platforms.TRACK_PLATFORMS, platforms.DEFAULT_TRACK_PLATFORMS)
        if kind == "tracks"
        else (platforms.ARTIST_PLATFORMS, platforms.DEFAULT_ARTIST_PLATFORMS)
    )
    try:
        return platforms.served(codes, served, kind) or usual
    except ValueError as refused:
        raise BadInput(f"platforms: {refused}", field="platforms") from None


def ages(conn: Connection, kind: Kind, uuid: str, codes: Sequence[str]) -> list[Age]:
    """How old the series of a track or an artist on these platforms are, in their order. One query."""
    found = series.known(conn, uuid, sorted({name for code in codes for name in _resources(kind, code)}), codes)
    by_platform: dict[str, dict[str, Known]] = defaultdict(dict)
    for one in found:
        by_platform[one.platform][one.resource] = one
    return [_age(kind, code, by_platform[code]) for code in codes]


def _resources(kind: Kind, platform: str) -> tuple[str, ...]:
    """What is fetched of a platform."""
    if platform == platforms.AIRPLAY:
        return (TRACK_AIRPLAY.name if kind == "tracks" else ARTIST_AIRPLAY.name,)
    if kind == "tracks":
        return (TRACK_AUDIENCE.name,)
    return (
        (ARTIST_AUDIENCE.name, ARTIST_LISTENERS.name)
        if platform in platforms.LISTENING_PLATFORMS
        else (ARTIST_AUDIENCE.name,)
    )


def _age(kind: Kind, platform: str, known: dict[str, Known]) -> Age:
    parts = [known.get(name) for name in _resources(kind, platform)]
    times = [part.fetched_at for part in parts if part and part.fetched_at]
    outcomes = [part.outcome if part else "never" for part in parts]
    owners = [part.owner for part in (*parts, known.get(series.REFRESH)) if part and part.owner]
    return Age(
        platform,
        next((outcome for outcome in outcomes if outcome != "ok"), "ok"),
        min(times) if len(times) == len(parts) else None,
        any(part is None or part.due for part in parts),
        owners[0] if owners else None,
        max((part.crawled_at for part in parts if part and part.crawled_at), default=None),
    )


def ask(
    conn: Connection, kind: Kind, uuid: str, known: Sequence[Age], now: datetime, settings: Settings
) -> tuple[Refresh, Start | None]:
    """What is done about the stale ones of `known`, and the run to start where it falls to the caller.

    The caller starts it, and says so with `not_started` when it could not.
    """
    return _take(conn, kind, uuid, [age for age in known if age.stale], now, settings, {}, _pause(settings))


def ask_by_hand(
    conn: Connection, kind: Kind, uuid: str, known: Sequence[Age], now: datetime, settings: Settings, *, force: bool
) -> tuple[Refresh, Start | None]:
    """The same for a person, who need not wait after an earlier refresh. `force`: also what is fresh."""
    wanted = [age for age in known if age.stale or force]
    config = {"force": True} if force else {}
    return _take(conn, kind, uuid, wanted, now, settings, config, timedelta(0))


def not_started(conn: Connection, start: Start, settings: Settings) -> None:
    """Give a claim back whose run could not be triggered: in a minute another asker may have it."""
    series.give_back_refresh(
        conn, start.uuid, start.platforms, owner=start.owner, pause=_pause(settings), again_in=AFTER_TROUBLE
    )


def _pause(settings: Settings) -> timedelta:
    return timedelta(minutes=settings.refresh_minutes)


def _take(
    conn: Connection,
    kind: Kind,
    uuid: str,
    wanted: Sequence[Age],
    now: datetime,
    settings: Settings,
    config: dict[str, Any],
    pause: timedelta,
) -> tuple[Refresh, Start | None]:
    if not wanted:
        return Refresh(state="not_needed"), None
    free = [age.platform for age in wanted if age.owner is None]
    run_id = refresh_run_id(kind, uuid, now)
    taken = free and series.claim_refresh(
        conn,
        uuid,
        free,
        owner=f"{DAG_ID}/{run_id}",
        lease=_pause(settings),
        pause=pause,
        at_once=settings.refresh_at_once,
    )
    if taken:
        start = Start(uuid, tuple(taken), run_id, {kind: [uuid], "platforms": taken, **config})
        return Refresh(state="started", dag_id=DAG_ID, run_id=run_id, platforms=taken), start
    codes = [age.platform for age in wanted]
    owner = next((age.owner for age in [*wanted, *ages(conn, kind, uuid, codes)] if age.owner), None)
    if owner:
        dag_id, _, run_id = owner.partition("/")
        return Refresh(state="running", dag_id=dag_id, run_id=run_id, platforms=codes), None
    return Refresh(
        state="put_off",
        platforms=codes,
        reason=f"A refresh was tried less than {settings.refresh_minutes} minutes ago, or "
        f"{settings.refresh_at_once} others are at work.",
    ), None
