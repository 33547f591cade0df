"""Bringing the audience of one track or artist up to date: offered with what it costs, done once, whoever asks.

How old a series is, the ledger says. To look costs nothing and writes nothing. Who asks for a refresh claims it in the
ledger, which gives each platform to one asker, of however many processes, and books its calls: a person may spend so
many calls a day, and all refreshes of a day together meet the approval that one as large would. The claim is the run's,
which gives it back when it ends, whatever became of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel

from chartline.cascade.audience import RefreshAsk
from chartline.cascade.resources import Subject, series_for
from chartline.costs.estimate import estimate_refresh
from chartline.costs.model import Estimate, Range
from chartline.domain import dag_ids, platforms
from chartline.domain.run_ids import refresh_run_id
from chartline.errors import BadInput, NotAllowed
from chartline.settings import Settings
from chartline.warehouse import bookings
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import series
from chartline.warehouse.reads.entities import Kind
from chartline.warehouse.reads.series import Known

State = Literal["not_needed", "offered", "not_allowed", "running", "started", "put_off"]


class Refresh(BaseModel):
    """What is to be said of stale series. To GET: `offered`, for so many `calls`; `not_allowed`, for the `reason`;
    `running`, also as part of a chart's run. To POST: `started`, `running`, or `put_off` for the `reason`.
    `needs_approval`: with the refreshes of the day before it, it is so much that its run waits for a person's yes in
    Airflow."""

    state: State
    dag_id: str | None = None
    run_id: str | None = None
    platforms: list[str] = []
    calls: Range | None = None
    needs_approval: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Asker:
    """Who wants to know, and how many calls a day the settings allow the person; `may_edit`: the right to edit DAGs."""

    name: str
    most: int
    may_edit: bool

    @classmethod
    def of(cls, name: str, may_edit: bool, settings: Settings) -> Asker:
        """As the settings say."""
        return cls(name, settings.refresh_calls_editor if may_edit else settings.refresh_calls_viewer, may_edit)


@dataclass(frozen=True)
class Age:
    """What the ledger says of a platform's series. `owner`: the run (`dag id/run id`) that is at it."""

    platform: str
    outcome: str
    fetched_at: datetime | None
    stale: bool
    owner: str | None
    crawled_at: datetime | None = None
    """When Soundcharts itself last read the platform; None where it does not say."""

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
        return f"{dag_ids.AUDIENCE_REFRESH}/{self.run_id}"


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


SUBJECTS: dict[Kind, Subject] = {"tracks": "track", "artists": "artist"}


def ages(conn: Connection, kind: Kind, uuid: str, codes: Sequence[str], settings: Settings) -> list[Age]:
    """How old the series of a track or an artist on these platforms are, in their order. One query."""
    fetched: dict[str, list[str]] = {code: [] for code in codes}
    for one, code in series_for(SUBJECTS[kind], codes, settings):
        fetched[code].append(one.name)
    known = series.known(conn, uuid, sorted({name for names in fetched.values() for name in names}), codes)
    by_platform: dict[str, dict[str, Known]] = defaultdict(dict)
    for one_known in known:
        by_platform[one_known.platform][one_known.resource] = one_known
    return [_age(code, names, by_platform[code]) for code, names in fetched.items()]


def _age(platform: str, resources: Sequence[str], known: dict[str, Known]) -> Age:
    parts = [known.get(name) for name in resources]
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


def offer(
    conn: Connection, kind: Kind, uuid: str, known: Sequence[Age], asker: Asker, now: datetime, settings: Settings
) -> Refresh:
    """What can be done about the stale ones of `known`, by this person. Reads only, and costs no call."""
    wanted = [age for age in known if age.stale]
    if not wanted:
        return Refresh(state="not_needed")
    free = [age.platform for age in wanted if age.owner is None]
    if not free:
        return _running(wanted)
    cost = _cost(conn, kind, uuid, free, settings, force=False)
    told = Refresh(state="offered", platforms=free, calls=cost.total)
    refused = _refusal(asker, bookings.of_person(conn, asker.name, now.date()), cost)
    return told if refused is None else told.model_copy(update={"state": "not_allowed", "reason": refused.what})


def ask(
    conn: Connection,
    kind: Kind,
    uuid: str,
    known: Sequence[Age],
    asker: Asker,
    now: datetime,
    settings: Settings,
    *,
    force: bool = False,
) -> tuple[Refresh, Start | None]:
    """What is done about the stale ones of `known`, with `force` about all, and the run to start where it falls to the
    caller, who says so with `not_started` when it could not. Raises NotAllowed, and then nothing is claimed.

    One short transaction: whoever asks at the same time sums up what this one has booked.
    """
    wanted = [age for age in known if age.stale or force]
    if not wanted:
        return Refresh(state="not_needed"), None
    free = [age.platform for age in wanted if age.owner is None]
    run_id = refresh_run_id(kind, uuid, now)
    with conn.transaction():
        taken = free and series.claim_refresh(
            conn,
            uuid,
            free,
            owner=f"{dag_ids.AUDIENCE_REFRESH}/{run_id}",
            lease=timedelta(minutes=settings.refresh_minutes),
            at_once=settings.refresh_at_once,
        )
        if taken:
            cost = _cost(conn, kind, uuid, taken, settings, force=force)
            bookings.lock(conn)
            refused = _refusal(asker, bookings.of_person(conn, asker.name, now.date()), cost)
            if refused is not None:
                raise refused
            needs = _after(conn, cost, now, run_id).needs_approval(settings)
            bookings.book(conn, run_id, now.date(), asker.name, cost.total.high)
            config = {kind: [uuid], "platforms": taken} | ({"force": True} if force else {})
            told = Refresh(
                state="started",
                dag_id=dag_ids.AUDIENCE_REFRESH,
                run_id=run_id,
                platforms=taken,
                calls=cost.total,
                needs_approval=needs,
                reason="Together with today's other refreshes it needs a large part of the quota, so it waits for "
                "approval under Required actions."
                if needs
                else "",
            )
            return told, Start(uuid, tuple(taken), run_id, config)
    seen = [*wanted, *ages(conn, kind, uuid, [age.platform for age in wanted], settings)]
    if any(age.owner for age in seen):
        return _running(seen), None
    return Refresh(
        state="put_off",
        platforms=[age.platform for age in wanted],
        reason=f"{settings.refresh_at_once} other refreshes are running.",
    ), None


def not_started(conn: Connection, start: Start) -> None:
    """Give a claim back whose run could not be triggered, with what was booked for it."""
    with conn.transaction():
        series.give_back_refresh(conn, start.uuid, start.platforms, owner=start.owner)
        bookings.take_back(conn, start.run_id)


def weighed(conn: Connection, run_id: str, estimate: Estimate, now: datetime, settings: Settings) -> Estimate:
    """The estimate of a run of `audience_refresh`, with the day's others before it; booked where nobody need be asked.

    Whoever triggered it: so many small ones together meet the same approval as one.
    """
    with conn.transaction():
        bookings.lock(conn)
        known = _after(conn, estimate, now, run_id)
        if not known.needs_approval(settings):
            bookings.book(conn, run_id, now.date(), "", known.total.high)
    return known


def approved(conn: Connection, run_id: str, calls: int, now: datetime) -> None:
    """Book a run that goes on, if it is not booked."""
    bookings.book(conn, run_id, now.date(), "", calls)


def _after(conn: Connection, estimate: Estimate, now: datetime, run_id: str) -> Estimate:
    before = bookings.of_day(conn, now.date(), run_id)
    if not before:
        return estimate
    note = f"The refreshes of today before it were {before:,} calls: it is weighed with them."
    return estimate.model_copy(update={"before": before, "notes": (*estimate.notes, note)})


def _cost(
    conn: Connection, kind: Kind, uuid: str, codes: Sequence[str], settings: Settings, *, force: bool
) -> Estimate:
    asked = {kind: [uuid], "platforms": list(codes), "force": force}
    return estimate_refresh(conn, RefreshAsk.from_config(asked), settings)


def _refusal(asker: Asker, spent: int, cost: Estimate) -> NotAllowed | None:
    """Why the person may not, None where they may."""
    variable = f"CHARTLINE_REFRESH_CALLS_{'EDITOR' if asker.may_edit else 'VIEWER'}"
    if not asker.most:
        return NotAllowed(
            "A refresh costs calls, and your Airflow login may spend none.",
            advice=f"Ask somebody who may edit DAGs to refresh it, or to set {variable}.",
        )
    left = max(asker.most - spent, 0)
    if cost.total.high <= left:
        return None
    return NotAllowed(
        f"The refresh costs up to {cost.total.high:,} calls; of your {asker.most:,} of today (UTC) {left:,} are left.",
        advice=f"Wait for tomorrow, ask for fewer platforms, or have {variable} raised.",
    )


def _running(known: Sequence[Age]) -> Refresh:
    dag_id, _, run_id = next(owner for age in known if (owner := age.owner)).partition("/")
    codes = list(dict.fromkeys(age.platform for age in known))
    return Refresh(state="running", dag_id=dag_id, run_id=run_id, platforms=codes)
