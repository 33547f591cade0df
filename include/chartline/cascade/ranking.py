"""Step 1: fetch the rankings of the run's days that are not here, side by side, and keep their pages raw."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property

from chartline.cascade import calendar, ranking_pages, storing
from chartline.cascade.keeping import Keeper, Lease, Owner
from chartline.cascade.ranking_pages import BEGUN, LATEST, PATIENCE, RESOURCE
from chartline.cascade.refusals import Refusals
from chartline.cascade.run import Run
from chartline.cascade.side_by_side import SideBySide
from chartline.cascade.wanted_days import WantedDays
from chartline.errors import (
    AskPerson,
    BadInput,
    ChartlineError,
    ContractBroken,
    NotFound,
    NotYet,
    RateLimited,
    SkipItem,
    StopRun,
    TryLater,
    WarehouseUnavailable,
)
from chartline.soundcharts.calls import Answer
from chartline.soundcharts.client import RankingPages, SoundchartsClient
from chartline.warehouse import executions, ledger, raw
from chartline.warehouse.connect import Connection
from chartline.warehouse.executions import ItemFailure
from chartline.warehouse.ledger import Want

log = logging.getLogger(__name__)

BROKEN_AT_ONCE = 3
"""So many answers of another shape and not a good one: it is the API that changed."""
WAITS = [timedelta(minutes=minutes) for minutes in (15, 30, 60, 120)]
"""Between two looks for a ranking that is late; the last one goes on."""

OF_ALL = (StopRun, AskPerson, RateLimited, WarehouseUnavailable)
"""Failures that the next day would meet too."""


def fetch_ranking(run: Run, *, last_try: bool = False) -> list[str]:
    """Fetch the rankings of the run's days that are not here whole. Returns the days that it has, ISO, sorted.

    A day that the calendar does not have is noted, not failed. A day that failed does not stop the others: what came is
    kept, and the error names what is left; on the `last_try` these are noted and the run goes on with what it has,
    if it has any.

    Raises NotYet (the ranking is late, or another run is fetching it), TryLater (some days failed, or all),
    UnknownChart, BadInput (no ranking on the one day asked for), and the errors of the account.
    """
    with run.connect() as conn:
        fetch = _Fetch(run, conn, ranking_pages.keeper(conn, Owner.of(run)))
        try:
            ask = run.ask
            if ask.day:
                have = fetch.one(ask.day)
            elif ask.past is not None:
                have = fetch.past(ask.past)
            else:
                have = fetch.present(ask.interval or ())
            fetch.end(have, last_try=last_try)
            return [day.isoformat() for day in sorted(have)]
        finally:
            fetch.close()
            fetch.keeper.release()


def wait(asked_early: int, late_hours: int) -> timedelta | None:
    """How long to wait after asking so many times too early; None when that would be more than `late_hours` in all."""
    waits = [WAITS[min(number, len(WAITS) - 1)] for number in range(asked_early)]
    return waits[-1] if sum(waits, timedelta()) <= timedelta(hours=late_hours) else None


@dataclass
class _Fetch:
    """One try of one run. Days not fetched: `failed`, `absent` from the calendar, or `left` to the gap audit."""

    run: Run
    conn: Connection
    keeper: Keeper
    failed: dict[date, ChartlineError] = field(default_factory=dict)
    absent: set[date] = field(default_factory=set)
    left: set[date] = field(default_factory=set)

    @property
    def slug(self) -> str:
        return self.run.ask.chart

    @cached_property
    def days(self) -> WantedDays:
        return WantedDays(self.run, self.conn, lambda: self.client)

    @cached_property
    def client(self) -> SoundchartsClient:
        return self.run.client()

    def close(self) -> None:
        if "client" in self.__dict__:
            self.client.close()

    # -- the run's days ------------------------------------------------------------------------------------------

    def one(self, day: date) -> set[date]:
        """A day asked for by hand: that there is no ranking on it is an error."""
        have = self.past((day,), by_hand=True)
        if day in self.absent:
            raise BadInput(
                f"day: {self.slug} has no ranking on {day}.",
                field="day",
                advice=f"The nearest days it has: {', '.join(map(str, self.days.nearest(day))) or 'none'}.",
            )
        return have

    def past(self, days: Sequence[date], *, by_hand: bool = False) -> set[date]:
        """Earlier days: the calendar says which of them there are."""
        have = self.days.here(days)
        if any(self.days.may_be_the_latest(day) for day in days if day not in have):
            ranking_pages.hold_latest(self.keeper, self.slug)
            have = self.days.here(days)
        missing = [day for day in days if day not in have]
        if missing:
            by_name = self.run.ask.interval is None
            stamps = self.days.stamps(missing, by_name=by_name, now=by_hand)
            lacking = missing if by_name else self.days.lacking(missing, stamps, else_of=missing)
            self.absent.update(day for day in lacking if day not in stamps)
            have |= self._take({day: stamps[day] for day in missing if day in stamps})
        return have

    def present(self, interval: Sequence[date]) -> set[date]:
        """The latest ranking, waited for if that of the interval is not out yet, and what was missed before it."""
        newest = self.days.newest()
        by_hand = self.run.ask.interval is None
        if by_hand or newest is None or self.days.may_be_out(newest, interval):
            newest = self._latest()
            late = self.days.late(newest, interval)
            if late and self.days.has_any():
                self._wait_for(late)
        if by_hand:
            return {newest}
        wanted = self.days.of_the_present(newest, interval)
        have = self.days.here(wanted)
        missing = sorted(wanted - have)
        if missing:
            stamps = self.days.stamps(missing)
            lacking = self.days.lacking(missing, stamps, else_of=[newest])
            self.absent.update(day for day in lacking if day in interval)
            have |= self._take({day: stamps[day] for day in missing if day in stamps})
        return have

    def _wait_for(self, late: Sequence[date]) -> None:
        """Note that it was asked too early. Raises NotYet with the time of the next try, unless that is too late."""
        [first, *_] = late
        with self.conn.transaction():
            ranking_pages.absent(self.keeper, self.slug, first, self.run.now())
            asked = executions.asked_early(self.conn, self.run.execution.id)
        after = wait(asked, self.run.settings.late_hours)
        if after is not None:
            raise NotYet(
                f"The ranking of {self.slug} of {first} is not published yet; asked {asked} times.",
                after=after.total_seconds(),
            )
        log.warning("The ranking of %s of %s is left to the gap audit: asked %d times.", self.slug, first, asked)
        self.left.update(late)

    def end(self, have: set[date], *, last_try: bool) -> None:
        """Note what is absent and left. Raises the first failure when it is worth another try, or nothing came."""
        failed = sorted(self.failed)
        again = [day for day in failed if isinstance(self.failed[day], TryLater)]
        if failed and (not have or (again and not last_try)):
            error = self.failed[(again or failed)[0]]
            if len(failed) > 1 or have:
                error.what += f" Days left: {', '.join(map(str, failed))}."
                error.args = (f"{error.what} {error.advice}".strip(),)
            raise error
        failures = [
            ItemFailure(RESOURCE, self.slug, day.isoformat(), error.kind, str(error))
            for day, error in sorted(self.failed.items())
        ]
        with self.conn.transaction():
            executions.add_failures(self.conn, self.run.execution.id, failures)
            left = sorted({*failed, *self.left})
            executions.note_days(self.conn, self.run.execution.id, absent=sorted(self.absent), left=left)

    # -- fetching ------------------------------------------------------------------------------------------------

    def _latest(self) -> date:
        """Fetch the latest ranking, unless it is here already; its day."""
        ranking_pages.hold_latest(self.keeper, self.slug)
        newest = self.days.newest()  # None when forced
        if newest and ranking_pages.knows_latest(self.conn, self.slug, self.run.now()):
            return newest
        held_elsewhere = False

        def known(day: date) -> bool:
            nonlocal held_elsewhere
            if self.days.here([day]):
                return True
            held_elsewhere = not self.keeper.hold([self._want(day)]).wants
            return held_elsewhere

        pages = ranking_pages.ask_latest(self.keeper, self.client, self.slug, known, self.begun(LATEST))
        if held_elsewhere:
            self._take({pages.day: pages.stamp})
        return pages.day

    def _take(self, stamps: dict[date, str]) -> set[date]:
        """Fetch the rankings of these days, each by one run only; the days that are here now."""
        todo, have = dict(stamps), set()
        remembered = ledger.find(self.conn, RESOURCE, self.slug, [day.isoformat() for day in todo])
        for facet, entry in remembered.items():
            if entry.outcome == "absent" and entry.due_at and entry.due_at > self.run.now() and not self.run.ask.force:
                self.absent.add(day := date.fromisoformat(facet))
                del todo[day]

        def still(_: bool) -> list[Want]:
            here = self.days.here(todo)
            have.update(here)
            for day in here:
                del todo[day]
            return [self._want(day) for day in todo]

        while todo:
            wants = [self._want(day) for day in todo]
            # After a failure the next try looks for what others have in hand.
            lease = self.keeper.hold(wants, patience=None if self.failed else PATIENCE, still=still)
            if not lease.wants:
                break
            mine = [date.fromisoformat(want.facet) for want in lease.wants]
            have |= _Taking(self, {day: todo.pop(day) for day in mine}).go(lease)
        for day in todo:
            self.failed[day] = TryLater(f"Another run is fetching the ranking of {self.slug} of {day}.")
        return have

    def begun(self, facet: str) -> list[Answer]:
        """The pages that came a short while ago; a forced run begins anew."""
        return [] if self.run.ask.force else ranking_pages.begun(self.conn, self.slug, facet, self.run.now())

    def _want(self, day: date) -> Want:
        return Want(self.slug, day.isoformat())


@dataclass
class _Taking:
    """Days that this run holds, fetched on several connections, the newest first; each is stored as it comes."""

    fetch: _Fetch
    stamps: dict[date, str]
    have: set[date] = field(default_factory=set)
    stop: ChartlineError | None = None
    away: int = 0
    """Days in a row for which the API was away."""
    alike: Refusals = field(default_factory=Refusals)

    def go(self, lease: Lease) -> set[date]:
        """Fetch them; the days that came. The others are noted at the run, or what stopped all of it is raised."""
        fetch, client = self.fetch, self.fetch.client
        kept = raw.facets(fetch.conn, BEGUN, fetch.slug, fetch.run.now() - calendar.GOES_ON)
        begun = {day: fetch.begun(day.isoformat()) for day in self.stamps if day.isoformat() in kept}

        def ask(day: date) -> RankingPages | ChartlineError:
            try:
                return client.ranking(fetch.slug, self.stamps[day], begun=begun.get(day, ()))
            except Exception as error:
                return storing.named(error)

        connections = client.account.connections
        with SideBySide(ask, sorted(self.stamps, reverse=True), connections, self._book) as work:
            for day, got in work:
                self._note(day, got, connections)
                if self.stop is not None:
                    work.halt()
                fetch.keeper.renew(lease)
        self._leave_the_rest()
        return self.have

    def _note(self, day: date, got: RankingPages | ChartlineError, connections: int) -> None:
        """Keep what came of a day; `stop` where the next one would fare the same."""
        fetch = self.fetch
        self.away = self.away + 1 if isinstance(got, TryLater) else 0
        failure = self._kept(got) if isinstance(got, RankingPages) else got
        if failure is None:
            self.have.add(day)
            self.alike.good()
        elif isinstance(failure, NotFound):
            until = fetch.run.now() + timedelta(days=fetch.run.settings.freshness_absent_days)
            ranking_pages.absent(fetch.keeper, fetch.slug, day, until, failure.calls)
            fetch.absent.add(day)
        else:
            ranking_pages.fail(fetch.keeper, fetch.slug, day.isoformat(), failure)
            if isinstance(failure, OF_ALL):
                self.stop = self.stop or failure
                return
            fetch.failed[day] = failure
            self.alike.note(failure)
            broken = sum(isinstance(error, ContractBroken) for error in fetch.failed.values())
            if self.away >= 2 * connections or self.alike.last() or (broken >= BROKEN_AT_ONCE and not self.have):
                self.stop = self.stop or failure

    def _kept(self, pages: RankingPages) -> ChartlineError | None:
        """Keep a ranking; the error when this one cannot be kept."""
        try:
            ranking_pages.keep(self.fetch.keeper, self.fetch.slug, pages)
        except SkipItem as error:
            return error
        return None

    def _leave_the_rest(self) -> None:
        """Those that were not asked since something stopped the work. Raises what concerns the whole account."""
        rest = set(self.stamps) - self.have - self.fetch.absent
        if isinstance(self.stop, TryLater) and not isinstance(self.stop, WarehouseUnavailable):
            for day in rest:
                self.fetch.failed.setdefault(day, self.stop)
        elif isinstance(self.stop, SkipItem):
            self.fetch.left |= rest - set(self.fetch.failed)
        elif self.stop is not None:
            raise self.stop

    def _book(self, unstored: Sequence[RankingPages | ChartlineError]) -> None:
        """What came and was not stored, as the warehouse failed: it was paid."""
        paid = [one for got in unstored for one in ([got] if isinstance(got, ChartlineError) else got.answers)]
        self.fetch.keeper.book([call for one in paid for call in one.calls])
