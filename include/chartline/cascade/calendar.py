"""The API's own list of the days of a chart, brought up to date with few calls."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Self

from chartline.cascade.keeping import Keeper, Kept, Owner
from chartline.cascade.resources import CALENDAR, RANKING
from chartline.errors import ChartlineError, ContractBroken, NotFound, ShortAnswer, UnknownChart
from chartline.soundcharts import endpoints, models
from chartline.soundcharts.calls import Call
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse import charts, ledger, rankings, raw
from chartline.warehouse.connect import Connection
from chartline.warehouse.ledger import Settled, Want

log = logging.getLogger(__name__)

RESOURCE = CALENDAR.name
LEASE = timedelta(minutes=5)
SETTLED = timedelta(days=3)
"""So long after a day its ranking is taken to be out, if it ever comes: a list read then is the last word on it."""
PATIENCE = 30.0  # seconds: a list of many pages is some seconds' work
GOES_ON = timedelta(hours=1)
"""So long a reading that was broken off can be gone on with: what came of it is not asked again."""


def bring_up_to_date(
    owner: Owner,
    conn: Connection,
    client: SoundchartsClient,
    slug: str,
    days: Iterable[date],
    *,
    by_name: bool = False,
    now: bool = False,
) -> None:
    """See to it that what the calendar says of `days` can be relied on, with a call for each 100 days at the most.

    The list is read from its newest day back to the oldest of `days` that it is not known to tell of, and no farther.
    No call when it was read within `settings.calendar_hours`, or long after the newest of them. by_name: a person
    asks for just these days, so that the latter does not do; now: nor does the former for days of late.

    One run at a time reads a chart's list; the others wait for it in place. Raises UnknownChart, ContractBroken,
    ShortAnswer, NotYet (another run is still at it) and the errors of the account.
    """
    wanted = sorted(set(days))

    def look(waited: bool) -> tuple[_Reading, list[date]]:
        known = _Reading.known(conn, slug)
        # What another run brings meanwhile is as new as can be.
        return known, known.open(owner, wanted, by_name=by_name, now=now and not waited)

    known, open_days = look(False)
    if not open_days:
        return

    def still(waited: bool) -> list[Want]:
        nonlocal known, open_days
        known, open_days = look(waited)
        return [Want(slug)] if open_days else []

    keeper = Keeper(conn, owner, RESOURCE, LEASE)
    try:
        if keeper.hold([Want(slug)], patience=PATIENCE, still=still).wants:
            _read(keeper, client, slug, known, open_days)
    finally:
        keeper.release()


def note(conn: Connection, slug: str, named: models.ChartLight | None, stamps: Iterable[str], seen_at: datetime) -> int:
    """Put the API's stamps into the calendar, with the time when a day was last asked for too early. Returns the
    chart's id.

    A day that has not come yet has no ranking, whatever Soundcharts says.
    """
    latest = (seen_at + timedelta(days=1)).date().isoformat()
    listed = [stamp for stamp in stamps if stamp[:10] <= latest]
    days = {stamp[:10] for stamp in listed}
    in_vain = {
        date.fromisoformat(day): entry.fetched_at
        for day, entry in ledger.find(conn, RANKING.name, slug, days).items()
        if entry.outcome == "absent" and entry.fetched_at
    }
    chart_id = _chart_id(conn, slug, named)
    rankings.store_calendar(conn, chart_id, listed, seen_at, in_vain)
    return chart_id


@dataclass(frozen=True)
class _Reading:
    """When a chart's list was last read, and from which day on it tells of all; `at` None: it never was."""

    at: datetime | None
    since: date

    @classmethod
    def known(cls, conn: Connection, slug: str) -> Self:
        entry = ledger.find(conn, RESOURCE, slug, [""]).get("")
        if entry is None or entry.fetched_at is None:
            return cls(None, date.max)
        return cls(entry.fetched_at, entry.covered_from or date.min)

    def open(self, owner: Owner, wanted: Sequence[date], *, by_name: bool, now: bool) -> list[date]:
        """Those of `wanted` of which it does not tell for sure."""
        if self.at is None:
            return list(wanted)
        at, fresh = self.at, owner.now() - self.at < timedelta(hours=owner.settings.calendar_hours)

        def told(day: date) -> bool:
            if day < self.since:
                return False
            if _is_settled(day, at):
                return fresh or not by_name
            return fresh and not now

        return [day for day in wanted if not told(day)]


def _is_settled(day: date, at: datetime) -> bool:
    return at >= datetime.combine(day, datetime.min.time(), UTC) + SETTLED


@dataclass
class Pages:
    """The pages of one reading of a chart's list, in order; `at`: when it began, which is said of all of them."""

    at: datetime
    read: list[models.AvailableRankings] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(len(page.stamps) for page in self.read)

    @property
    def oldest(self) -> date:
        return min((day for page in self.read for day in page.days), default=date.max)

    @property
    def newest_first(self) -> bool:
        """Whether the list has shown no other order."""
        days = [stamp[:10] for page in self.read for stamp in page.stamps]
        return days == sorted(days, reverse=True)

    @property
    def total(self) -> int | None:
        """How many the API says there are; None where it does not say."""
        page = self.read[-1].page if self.read else None
        return page.total if page else None

    @property
    def since(self) -> date:
        """The day from which on it tells of all."""
        return date.min if self.is_whole else self.oldest

    @property
    def ends_empty(self) -> bool:
        return bool(self.read) and not self.read[-1].stamps

    @property
    def is_whole(self) -> bool:
        page = self.read[-1].page if self.read else None
        if page and page.next and self.read[-1].stamps:  # a total may be too small: it ends no list
            return False
        return bool(self.read) and (self.total is None or self.count >= self.total)


def _read(keeper: Keeper, client: SoundchartsClient, slug: str, known: _Reading, wanted: Sequence[date]) -> None:
    """Read the list page by page, each stored as it comes, down to the oldest of `wanted` and to where the reading
    before left off. One that was broken off a short while ago goes on where it stopped."""
    conn, owner = keeper.conn, keeper.owner
    floor = min(wanted)
    if known.at is not None:
        floor = min(floor, (known.at - SETTLED).date())
    pages = _kept(owner, conn, slug, known, wanted) or Pages(owner.now())
    all_known = pages.is_whole
    came_short, empty = pages.ends_empty, 0
    while not all_known and not (pages.read and pages.newest_first and pages.oldest <= floor):
        page = _ask_page(keeper, client, slug, pages)
        empty = 0 if page.stamps else empty + 1
        chart = charts.find(conn, slug)
        here = rankings.calendar_size(conn, chart.id) if chart else 0
        all_known = pages.is_whole or (bool(page.stamps) and pages.count < (pages.total or 0) == here)
        if not all_known and empty > owner.settings.call_retries:
            short = f"Soundcharts gave {pages.count} of {pages.total} days of the calendar of {slug}"
            if not came_short:
                raise ShortAnswer(f"{short}.")
            log.warning("%s, twice: it counts as far as it goes.", short)
            break
    since = date.min if all_known else min(pages.oldest, known.since)
    keeper.keep(Kept(settled=[Settled(slug, "", "ok", pages.at, pages.at, since, pages.at.date())]))


def _kept(owner: Owner, conn: Connection, slug: str, known: _Reading, wanted: Sequence[date]) -> Pages | None:
    """The pages of a reading of a short while ago that has farther to go: it was broken off, or now older days are
    wanted."""
    kept = raw.latest(conn, RESOURCE, slug, "")
    if not kept or owner.now() - kept[0].fetched_at >= GOES_ON:
        return None
    pages = Pages(kept[0].fetched_at, [models.parse(models.AvailableRankings, part.answer()) for part in kept])
    ended = pages.at == known.at
    return None if ended and (pages.is_whole or pages.oldest <= max(wanted)) else pages


def _ask_page(keeper: Keeper, client: SoundchartsClient, slug: str, pages: Pages) -> models.AvailableRankings:
    """The next page, stored with what it cost."""
    endpoint = endpoints.AVAILABLE_RANKINGS
    spent: tuple[Call, ...] = ()

    def store() -> None:
        note(keeper.conn, slug, page.chart, page.stamps, pages.at)

    try:
        answer = client.get(endpoint, slug, query={"offset": pages.count, "limit": endpoint.page_limit})
        spent = answer.calls
        page = models.parse(models.AvailableRankings, answer)
        kept = raw.RawAnswer.of(RESOURCE, slug, "", len(pages.read), answer, pages.at)
        keeper.keep(Kept([kept], calls=spent), store)
    except ChartlineError as error:
        error.calls = error.calls or spent
        keeper.fail(Want(slug), error)
        if isinstance(error, NotFound):
            raise UnknownChart(f"chart: the Soundcharts API has no chart {slug!r}.", field="chart") from None
        raise
    pages.read.append(page)
    return page


def _chart_id(conn: Connection, slug: str, named: models.ChartLight | None) -> int:
    """The chart that was asked, whatever slug the answer gives it now; where it names none, it must be known."""
    known = charts.find(conn, slug)  # else side-by-side runs of a chart would wait for each other's row
    if known is None and named:
        return charts.upsert_chart(conn, named.asked_as(slug))
    if known is None:
        raise ContractBroken(
            f"The calendar of {slug} does not say of which chart it is.",
            endpoint=endpoints.AVAILABLE_RANKINGS.name,
            field="related",
        )
    return known.id
