"""The pages of a chart's rankings: asked for by one run at a time, kept raw as a whole, and gone on with when they were
broken off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from chartline.cascade import calendar, keeping
from chartline.cascade.keeping import Keeper, Kept, Owner
from chartline.cascade.resources import RANKING
from chartline.errors import ChartlineError, NotFound, UnknownChart
from chartline.soundcharts.calls import Answer, Call
from chartline.soundcharts.client import RankingPages, SoundchartsClient
from chartline.warehouse import ledger, raw
from chartline.warehouse.connect import Connection
from chartline.warehouse.ledger import FOREVER, Settled, Want
from chartline.warehouse.raw import RawAnswer

RESOURCE = RANKING.name
LATEST = "latest"
BROKEN = keeping.broken(RESOURCE)
BEGUN = "begun_ranking"
"""The first pages of a ranking, kept until the others come."""
LATEST_GOOD = timedelta(minutes=10)
"""What was the latest so short a while ago is not asked for again; less than the shortest of `ranking.WAITS`."""
LEASE = timedelta(minutes=5)
"""A ranking is a few calls; whoever waits for a run that died waits no longer than this."""
PATIENCE = 5.0  # seconds: what another run is fetching is mostly here by then


def keeper(conn: Connection, owner: Owner) -> Keeper:
    """Who holds and keeps rankings for a run or an estimate."""
    return Keeper(conn, owner, RESOURCE, LEASE)


def hold_latest(keeper: Keeper, slug: str) -> None:
    """One at a time asks for a chart's latest ranking. Raises NotYet while another one is at it."""
    keeper.hold([Want(slug, LATEST)], patience=PATIENCE, named=f"the latest ranking of {slug}")


def knows_latest(conn: Connection, slug: str, now: datetime) -> bool:
    """Whether the latest ranking was asked for a moment ago, and came."""
    entry = ledger.find(conn, RESOURCE, slug, [LATEST]).get(LATEST)
    if entry is None or entry.outcome != "ok" or entry.fetched_at is None:
        return False
    return timedelta(0) <= now - entry.fetched_at < LATEST_GOOD


def ask_latest(
    keeper: Keeper,
    client: SoundchartsClient,
    slug: str,
    known: Callable[[date], bool] = lambda day: False,
    begun: Sequence[Answer] = (),
) -> RankingPages:
    """Ask for the latest ranking (`known`, `begun`: as `SoundchartsClient.ranking`) and keep it; a failure is noted.

    Raises UnknownChart, and what asking and keeping raise.
    """
    try:
        pages = client.ranking(slug, None, known, begun)
        keep(keeper, slug, pages)
    except ChartlineError as error:
        fail(keeper, slug, LATEST, error)
        if isinstance(error, NotFound):
            raise UnknownChart(
                f"chart: the Soundcharts API has no chart {slug!r}.",
                field="chart",
                advice="Look it up with: chartline charts search",
            ) from None
        raise
    return pages


def keep(keeper: Keeper, slug: str, pages: RankingPages) -> None:
    """Keep a ranking raw: the pages, that the calendar has its day, what it cost. Of one whose day was known already
    there is nothing but the call. Raises as `Keeper.keep`."""
    now, day = keeper.owner.now(), pages.day.isoformat()
    settled: list[Settled] = []
    if pages.answers[0].endpoint == "ranking_latest":
        settled.append(Settled(slug, LATEST, "ok", now, now))
    made = [call for answer in pages.answers for call in answer.calls]
    if pages.known:
        keeper.keep(Kept(settled=settled, calls=made))
        return
    settled.append(Settled(slug, day, "ok", now, FOREVER, pages.day, pages.day))

    def note_day() -> None:
        calendar.note(keeper.conn, slug, pages.pages[0].chart, [pages.stamp], now)

    keeper.keep(Kept(_parts(RESOURCE, slug, day, pages.answers, now), settled, made), note_day)


def fail(keeper: Keeper, slug: str, facet: str, error: ChartlineError) -> None:
    """Note that a ranking failed; the pages that came before it was broken off are kept, to be gone on with."""
    keeper.fail(Want(slug, facet), error, begun_pages(slug, facet, error.pages, keeper.owner.now()))


def begun_pages(slug: str, facet: str, answers: Sequence[Answer], at: datetime) -> list[RawAnswer]:
    """The first pages of a ranking (`facet`: its day, or LATEST) in the form in which `begun` has them back."""
    return _parts(BEGUN, slug, facet, answers, at)


def absent(keeper: Keeper, slug: str, day: date, until: datetime, made: Sequence[Call] = ()) -> None:
    """Note that the API does not have this day's ranking, which is remembered `until` then; `made`: what that cost."""
    ended = Settled(slug, day.isoformat(), "absent", keeper.owner.now(), until)
    keeper.keep(Kept(settled=[ended], calls=made))


def begun(conn: Connection, slug: str, facet: str, now: datetime) -> list[Answer]:
    """The pages of a ranking that came a short while ago and can be gone on with."""
    kept = raw.latest(conn, BEGUN, slug, facet)
    good_for = LATEST_GOOD if facet == LATEST else calendar.GOES_ON
    if not kept or not timedelta(0) <= now - kept[0].fetched_at < good_for:
        return []
    return [page.answer() for page in kept]


def _parts(resource: str, slug: str, facet: str, answers: Sequence[Answer], at: datetime) -> list[RawAnswer]:
    return [RawAnswer.of(resource, slug, facet, part, answer, at) for part, answer in enumerate(answers)]
