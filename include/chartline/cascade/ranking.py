"""Step 1: fetch the rankings of the run's days, with all their pages, and keep the pages raw."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

from chartline.cascade import calendar, observing, storing
from chartline.cascade.refusals import Refusals
from chartline.cascade.run import Run
from chartline.cascade.side_by_side import SideBySide
from chartline.domain import cadence
from chartline.domain.cadence import Rhythm
from chartline.errors import (
    AskPerson,
    BadInput,
    ChartlineError,
    ContractBroken,
    NotFound,
    NotStored,
    NotYet,
    RateLimited,
    SkipItem,
    StopRun,
    TryLater,
    UnknownChart,
    WarehouseUnavailable,
)
from chartline.soundcharts.calls import Answer, Call
from chartline.soundcharts.client import RankingPages, SoundchartsClient
from chartline.warehouse import calls, charts, executions, ledger, rankings, raw
from chartline.warehouse.charts import ChartRow
from chartline.warehouse.connect import Connection
from chartline.warehouse.executions import ItemFailure
from chartline.warehouse.ledger import FOREVER, Settled, Want

log = logging.getLogger(__name__)

RESOURCE = calendar.RANKING
LATEST = "latest"
BROKEN = "broken_ranking"
BEGUN = "begun_ranking"
"""The first pages of a ranking, kept until the others come."""
LATEST_GOOD = timedelta(minutes=10)
"""What was the latest so short a while ago is not asked for again; less than the shortest of WAITS."""
LEASE = timedelta(minutes=5)
"""A ranking is a few calls; whoever waits for a run that died waits no longer than this."""
LAG = timedelta(days=3)  # so long after its day, at most, a ranking is taken to come out
PATIENCE = 5.0  # seconds: what another run is fetching is mostly here by then
POLL = 0.25
AGAIN = 15.0  # seconds: after that it is looked for again, without holding a slot meanwhile
TAIL = 7
"""A run of the present takes up the rankings that were missed since the newest one, if they are no more than these."""
BROKEN_AT_ONCE = 3
"""So many answers of another shape and not a good one: it is the API that changed."""
WAITS = [timedelta(minutes=minutes) for minutes in (15, 30, 60, 120)]
"""Between two looks for a ranking that is late; the last one goes on."""

OF_ALL = (StopRun, AskPerson, RateLimited, WarehouseUnavailable)
"""Failures that the next day would meet too."""


class NotKept(NotStored):
    """A ranking that came and could not be kept."""


def fetch_ranking(run: Run, *, last_try: bool = False) -> list[str]:
    """Fetch the rankings of the run's days that are not here whole. Returns the days that it has, ISO, sorted.

    A day that Soundcharts does not have is noted, not failed. A day that failed does not stop the others: what came is
    kept, and the error names what is left; on the `last_try` these are noted and the run goes on with what it has,
    if it has any.

    Raises NotYet (the ranking is late, or another run is fetching it), TryLater (some days failed, or all),
    UnknownChart, BadInput (no ranking on the one day asked for), and the errors of the account.
    """
    with run.connect() as conn:
        fetch = _Fetch(run, conn, last_try)
        try:
            ask = run.ask
            if ask.day:
                have = fetch.one(ask.day)
            elif ask.past is not None:
                have = fetch.past(ask.past)
            else:
                have = fetch.present(ask.interval or ())
            fetch.end(have)
            return [day.isoformat() for day in sorted(have)]
        finally:
            fetch.close()
            ledger.release(conn, run.execution.owner, RESOURCE)
            observing.keep(conn)


def wait(asked_early: int, late_hours: int) -> timedelta | None:
    """How long to wait after so many calls that came too early; None when that would be more than `late_hours` in
    all."""
    waits = [WAITS[min(number, len(WAITS) - 1)] for number in range(asked_early)]
    return waits[-1] if sum(waits, timedelta()) <= timedelta(hours=late_hours) else None


def keep(conn: Connection, slug: str, pages: RankingPages, at: datetime, execution_id: int | None) -> Settled:
    """Keep a whole ranking raw, in the caller's transaction; what the ledger has to say of it."""
    day = pages.day.isoformat()
    parts = [raw.RawAnswer.of(RESOURCE, slug, day, part, answer, at) for part, answer in enumerate(pages.answers)]
    raw.keep(conn, parts, execution_id)
    return Settled(slug, day, "ok", at, FOREVER, pages.day, pages.day)


def keep_begun(
    conn: Connection,
    slug: str,
    facet: str,
    pages: Sequence[Answer],
    at: datetime,
    execution_id: int | None,
) -> None:
    """Keep the pages that came of a ranking before it was broken off, in the caller's transaction."""
    raw.keep(
        conn,
        [raw.RawAnswer.of(BEGUN, slug, facet, part, answer, at) for part, answer in enumerate(pages)],
        execution_id,
    )


def begun(conn: Connection, slug: str, facet: str, now: datetime) -> list[Answer]:
    """The pages of a ranking that came a short while ago and can be gone on with; `facet`: its day, or LATEST."""
    kept = raw.latest(conn, BEGUN, slug, facet)
    good_for = LATEST_GOOD if facet == LATEST else calendar.GOES_ON
    if not kept or not timedelta(0) <= now - kept[0].fetched_at < good_for:
        return []
    return [page.answer() for page in kept]


def knows_latest(conn: Connection, slug: str, now: datetime) -> bool:
    """Whether the latest ranking was asked for a moment ago, and came."""
    entry = ledger.find(conn, RESOURCE, slug, [LATEST]).get(LATEST)
    if entry is None or entry.outcome != "ok" or entry.fetched_at is None:
        return False
    return timedelta(0) <= now - entry.fetched_at < LATEST_GOOD


@dataclass
class _Fetch:
    """One try of one run."""

    run: Run
    conn: Connection
    last_try: bool
    failed: dict[date, ChartlineError] = field(default_factory=dict)
    absent: set[date] = field(default_factory=set)
    late: set[date] = field(default_factory=set)

    @property
    def slug(self) -> str:
        return self.run.ask.chart

    @cached_property
    def client(self) -> SoundchartsClient:
        return self.run.client()

    def close(self) -> None:
        if "client" in self.__dict__:
            self.client.close()

    # -- which days ----------------------------------------------------------------------------------------------

    def one(self, day: date) -> set[date]:
        """A day asked for by hand: that there is no ranking on it is an error."""
        have = self.past((day,), by_hand=True)
        if day in self.absent:
            chart = self.chart()
            near = rankings.nearest_days(self.conn, chart.id, day) if chart else []
            raise BadInput(
                f"day: {self.slug} has no ranking on {day}.",
                field="day",
                advice=f"The nearest days it has: {', '.join(str(d) for d in near if d != day) or 'none'}.",
            )
        return have

    def past(self, days: Sequence[date], *, by_hand: bool = False) -> set[date]:
        """Days of the history: the calendar says which of them there are."""
        have = self.known(days)
        if any(self._may_be_the_latest(day) for day in days if day not in have):
            self._hold_latest()
            have = self.known(days)
        missing = [day for day in days if day not in have]
        if missing:
            by_name = self.run.ask.interval is None
            stamps = self._stamps(missing, by_name=by_name, now=by_hand)
            lacking = missing if by_name else self._rhythm(stamps, missing).lacking(missing, stamps)
            self.absent.update(day for day in lacking if day not in stamps)
            have |= self._take({day: stamps[day] for day in missing if day in stamps})
        return have

    def present(self, interval: Sequence[date]) -> set[date]:
        """The latest ranking, waited for if that of the interval is not out yet, and what was missed before it."""
        chart = self.chart()
        newest = self._newest_known()
        asked = self.run.ask.interval is None
        if asked or newest is None or self._may_be_out(newest, interval):
            newest = self._latest()
            late = self._own_rhythm(newest).expected(newest, interval)
            if late and chart and rankings.newest(self.conn, chart.id):
                self._wait_for(late)
        assert newest is not None
        if asked:
            return {newest}
        wanted = {day for day in interval if day <= newest} | self._missed_before(newest, chart)
        if self.run.ask.followed and not self.run.ask.past_wanted:
            since = self._since(newest, self.run.ask.followed)
            wanted = {day for day in wanted if day >= since}
        have = self.known({newest, *wanted})
        missing = sorted({newest, *wanted} - have)
        if missing:
            stamps = self._stamps(missing)
            lacking = self._rhythm(stamps, [newest]).lacking(missing, stamps)
            self.absent.update(day for day in lacking if day in interval)
            have |= self._take({day: stamps[day] for day in missing if day in stamps})
        return have

    def _may_be_out(self, newest: date, interval: Sequence[date]) -> bool:
        """Whether the interval, or one that ended before it and owns a day, expects a ranking after the newest."""
        due = self.run.ask.due
        if not interval:
            interval = [newest + timedelta(days=1), due] if due else [newest + timedelta(days=1)]
        return bool(self._own_rhythm(newest).expected(newest, interval))

    def _missed_before(self, newest: date, chart: ChartRow | None) -> set[date]:
        """The days between the newest stored ranking and this one, when they are few."""
        stored = rankings.newest(self.conn, chart.id, before=newest) if chart else None
        between = (newest - stored).days - 1 if stored else 0
        if not stored or between > TAIL * cadence.step(self._frequency()).days:
            return set()
        return {stored + timedelta(days=n) for n in range(1, between + 1)}

    def _since(self, newest: date, followed: date) -> date:
        """The day from which on the chart's rankings are of the present: that of the first that came, which was the
        latest when the chart was followed."""
        chart = self.chart()
        stored = rankings.oldest(self.conn, chart.id) if chart else None
        return stored or min(newest, followed)

    def _wait_for(self, late: Sequence[date]) -> None:
        """Note a call that came too early. Raises NotYet with the time of the next one, unless it has been waited for
        too long."""
        now, [first, *_] = self.run.now(), late
        with self.conn.transaction():
            ledger.settle(self.conn, RESOURCE, [Settled(self.slug, first.isoformat(), "absent", now, now)])
            asked = executions.asked_early(self.conn, self.run.execution.id)
        after = wait(asked, self.run.settings.late_hours)
        if after is not None:
            raise NotYet(
                f"The ranking of {self.slug} of {first} is not published yet; asked {asked} times.",
                after=after.total_seconds(),
            )
        log.warning("The ranking of %s of %s is left to the gap audit: asked %d times.", self.slug, first, asked)
        self.late.update(late)

    def end(self, have: set[date]) -> None:
        """Note what is absent and left. Raises the first failure when it is worth another try, or nothing was had."""
        left = sorted(self.failed)
        again = [day for day in left if isinstance(self.failed[day], TryLater)]
        if left and (not have or (again and not self.last_try)):
            error = self.failed[(again or left)[0]]
            if len(left) > 1 or have:
                error.what += f" Days left: {', '.join(map(str, left))}."
                error.args = (f"{error.what} {error.advice}".strip(),)
            raise error
        failures = [
            ItemFailure(RESOURCE, self.slug, day.isoformat(), error.kind, str(error))
            for day, error in sorted(self.failed.items())
        ]
        with self.conn.transaction():
            executions.add_failures(self.conn, self.run.execution.id, failures)
            executions.note_days(
                self.conn, self.run.execution.id, absent=sorted(self.absent), left=sorted({*left, *self.late})
            )

    # -- what is known -------------------------------------------------------------------------------------------

    def chart(self) -> ChartRow | None:
        return charts.find(self.conn, self.slug)

    def _frequency(self) -> str:
        chart = self.chart()
        return chart.frequency if chart else ""

    def known(self, days: Iterable[date]) -> set[date]:
        """Those of `days` that need no call: stored whole, or kept raw by a run that did not come to store them.

        A forced run takes only what it fetched itself, before a retry.
        """
        asked = set(days)
        forced_since = self.run.execution.started_at if self.run.ask.force else None
        kept = {date.fromisoformat(day) for day in raw.facets(self.conn, RESOURCE, self.slug, forced_since)} & asked
        chart = None if forced_since else self.chart()
        return kept | set(rankings.whole(self.conn, chart.id, asked - kept)) if chart else kept

    def _newest_known(self) -> date | None:
        """The newest day that is stored or kept; None also for a forced run, which is to ask."""
        if self.run.ask.force:
            return None
        chart = self.chart()
        stored = rankings.newest(self.conn, chart.id) if chart else None
        kept = raw.facets(self.conn, RESOURCE, self.slug)
        days = [*([stored] if stored else []), *([date.fromisoformat(kept[-1])] if kept else [])]
        return max(days, default=None)

    def _rhythm(self, there: Iterable[date], else_of: Iterable[date]) -> Rhythm:
        """The chart's rhythm as the days `there` tell it; where there are none, as `else_of` would."""
        return Rhythm.of(self._frequency(), list(there) or [max(else_of)])

    def _own_rhythm(self, newest: date) -> Rhythm:
        """The chart's rhythm as its calendar's newest days tell it, `newest` among them."""
        chart = self.chart()
        if chart is None or Rhythm.of(chart.frequency, ()).is_known:
            return Rhythm.of(chart.frequency if chart else "", [newest])
        return Rhythm.of(chart.frequency, {newest, *rankings.newest_listed(self.conn, chart.id, cadence.TELLING)})

    def _may_be_the_latest(self, day: date) -> bool:
        """Whether another run may be fetching this day's ranking as the latest, not knowing yet what day that is."""
        chart = self.chart()
        newest = rankings.newest(self.conn, chart.id) if chart else None
        recent = self.run.now().date() - LAG - cadence.step(self._frequency())
        return day >= recent and (newest is None or day > newest)

    def _stamps(self, days: Sequence[date], *, by_name: bool = False, now: bool = False) -> dict[date, str]:
        """The API's stamps of `days` and beside them; the calendar is fetched if it may lack any of them: a day that is
        due, and any day that a person named (`by_name`; `now`: no list of a while ago will do)."""

        def found() -> dict[date, str]:
            chart = self.chart()
            if chart is None:
                return {}
            return rankings.stamps(self.conn, chart.id, min(days), max(days), beside=cadence.TELLING)

        stamps = found()
        unknown = [day for day in days if day not in stamps]
        rhythm = self._rhythm(stamps, days)
        if rhythm.is_known and not by_name:
            unknown = rhythm.lacking(days, stamps)
        if unknown:
            asked = {"by_name": by_name, "now": now}
            calendar.bring_up_to_date(calendar.Asker.of(self.run), self.conn, self.client, self.slug, unknown, **asked)
            stamps = found()
        return stamps

    # -- fetching ------------------------------------------------------------------------------------------------

    def _latest(self) -> date:
        """Fetch the latest ranking, unless it is here already; its day."""
        self._hold_latest()
        newest = self._newest_known()  # None when forced
        if newest and knows_latest(self.conn, self.slug, self.run.now()):
            return newest
        held_elsewhere = False

        def known(day: date) -> bool:
            nonlocal held_elsewhere
            if self.known([day]):
                return True
            held_elsewhere = not self._lease([day])
            return held_elsewhere

        try:
            pages = self.client.ranking(self.slug, None, known, self._begun(LATEST))
            self._keep(pages)
        except ChartlineError as error:
            self._note_failure(LATEST, error)
            if isinstance(error, NotFound):
                raise UnknownChart(
                    f"chart: the Soundcharts API has no chart {self.slug!r}.",
                    field="chart",
                    advice="Look it up with: chartline charts search",
                ) from None
            raise
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
        until = time.monotonic() + PATIENCE
        while todo:
            mine = self._lease(todo)
            have |= (here := self.known(todo))  # it came while its lease was asked for
            for day in here:
                del todo[day]
            due = {day: todo.pop(day) for day in mine if day in todo}
            if due:
                have |= self._side_by_side(due)
                until = time.monotonic() + PATIENCE
            elif todo:
                if self.failed:
                    break  # the next try looks for what the others have in hand
                if time.monotonic() > until:
                    raise NotYet(f"Another run is fetching rankings of {self.slug}: {_named(todo)}.", after=AGAIN)
                time.sleep(POLL)
        for day in todo:
            self.failed[day] = TryLater(f"Another run is fetching the ranking of {self.slug} of {day}.")
        return have

    def _side_by_side(self, stamps: dict[date, str]) -> set[date]:
        """Fetch these days on several connections, newest first; each is stored as it comes."""
        have: set[date] = set()
        client, slug = self.client, self.slug
        kept = set(raw.facets(self.conn, BEGUN, slug, self.run.now() - calendar.GOES_ON))
        had = {day: self._begun(day.isoformat()) for day in stamps if day.isoformat() in kept}

        def ask(day: date) -> RankingPages | ChartlineError:
            try:
                return client.ranking(slug, stamps[day], begun=had.get(day, ()))
            except Exception as error:
                return storing.named(error)

        stop: ChartlineError | None = None
        away = 0  # days in a row for which the API was away
        alike = Refusals()
        renewed = time.monotonic()
        with SideBySide(ask, sorted(stamps, reverse=True), client.account.connections) as work:
            for day, got in work:
                away = away + 1 if isinstance(got, TryLater) else 0
                failure = self._kept(got) if isinstance(got, RankingPages) else got
                if failure is None:
                    have.add(day)
                    alike.good()
                elif isinstance(failure, OF_ALL):
                    self._note_failure(day.isoformat(), failure)
                    stop = stop or failure
                elif isinstance(failure, NotFound):
                    self._note_absent(day, failure)
                else:
                    self._note_failure(day.isoformat(), failure)
                    self.failed[day] = failure
                    alike.note(failure)
                    broken = sum(isinstance(error, ContractBroken) for error in self.failed.values())
                    if (
                        away >= 2 * client.account.connections
                        or alike.last()
                        or (broken >= BROKEN_AT_ONCE and not have)
                    ):
                        stop = stop or failure
                if stop is not None:
                    work.halt()
                if time.monotonic() - renewed > LEASE.total_seconds() / 3:
                    self._lease(set(stamps) - have - set(self.failed) - self.absent)
                    renewed = time.monotonic()
        if isinstance(stop, TryLater) and not isinstance(stop, WarehouseUnavailable):
            for day in set(stamps) - have - self.absent:
                self.failed.setdefault(day, stop)
        elif isinstance(stop, SkipItem):  # those that were not asked are left, and not failed day by day
            self.late.update(set(stamps) - have - self.absent - set(self.failed))
        elif stop is not None:
            raise stop
        return have

    def _hold_latest(self) -> None:
        """One run at a time asks for a chart's latest ranking. Raises NotYet while another one is at it."""
        until = time.monotonic() + PATIENCE
        while not ledger.claim(
            self.conn,
            RESOURCE,
            [Want(self.slug, LATEST)],
            owner=self.run.execution.owner,
            lease=LEASE,
            stale_before=FOREVER,
        )[1]:
            if time.monotonic() > until:
                raise NotYet(f"Another run is fetching the latest ranking of {self.slug}.", after=AGAIN)
            time.sleep(POLL)

    def _lease(self, days: Iterable[date]) -> set[date]:
        """Those of `days` that are this run's to fetch now."""
        wants = [Want(self.slug, day.isoformat()) for day in days]
        _, mine = ledger.claim(
            self.conn, RESOURCE, wants, owner=self.run.execution.owner, lease=LEASE, stale_before=FOREVER
        )
        return {date.fromisoformat(want.facet) for want in mine}

    # -- storing -------------------------------------------------------------------------------------------------

    def _kept(self, pages: RankingPages) -> ChartlineError | None:
        """Keep a ranking; the error when this one cannot be kept."""
        try:
            self._keep(pages)
        except NotKept as error:
            return error
        return None

    def _keep(self, pages: RankingPages) -> None:
        """One transaction: the pages, what they cost, the ledger, the calendar. Raises NotKept, with the calls."""
        made = [call for answer in pages.answers for call in answer.calls]
        try:
            storing.together(self.conn, lambda: self._write(pages, made))
        except Exception as error:
            if storing.concerns_all(error):
                raise
            body = pages.answers[0].body
            raise NotKept(storing.named(error).what, calls=tuple(made), body=body) from error

    def _write(self, pages: RankingPages, made: list[Call]) -> None:
        now = self.run.now()
        latest = pages.answers[0].endpoint == "ranking_latest"
        settled = [Settled(self.slug, LATEST, "ok", now, now)] if latest else []
        if not pages.known:
            calendar.note(self.conn, self.slug, pages.pages[0].chart, [pages.stamp], now)
            settled.append(keep(self.conn, self.slug, pages, now, self.run.execution.id))
        calls.record(self.conn, made, self.run.execution.id)
        ledger.settle(self.conn, RESOURCE, settled)

    def _begun(self, facet: str) -> list[Answer]:
        return [] if self.run.ask.force else begun(self.conn, self.slug, facet, self.run.now())

    def _note_failure(self, facet: str, error: ChartlineError) -> None:
        """Keep what the failed fetch cost and answered; its lease ends."""
        now = self.run.now()
        with self.conn.transaction():
            calls.record(self.conn, error.calls, self.run.execution.id)
            keep_begun(self.conn, self.slug, facet, error.pages, now, self.run.execution.id)
            if error.body:
                broken = raw.RawAnswer(BROKEN, self.slug, facet, 0, RESOURCE, "", now, error.body)
                raw.keep(self.conn, [broken], self.run.execution.id)
            reason = str(error)[:2000]
            settled = Settled(self.slug, facet, "failed", now, now, None, None, error.kind, reason)
            ledger.settle(self.conn, RESOURCE, [settled])

    def _note_absent(self, day: date, error: NotFound) -> None:
        """The calendar has the day and the API does not: that is remembered for a while."""
        now = self.run.now()
        due = now + timedelta(days=self.run.settings.freshness_absent_days)
        with self.conn.transaction():
            calls.record(self.conn, error.calls, self.run.execution.id)
            ledger.settle(self.conn, RESOURCE, [Settled(self.slug, day.isoformat(), "absent", now, due)])
        self.absent.add(day)


def _named(days: Iterable[date]) -> str:
    return ", ".join(str(day) for day in sorted(days))
