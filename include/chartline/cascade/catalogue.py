"""The API's catalogue into the warehouse: platforms of each kind, and the charts of each platform."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import psycopg

from chartline.cascade import storing
from chartline.cascade.keeping import Keeper, Kept, Owner
from chartline.errors import BadInput, ChartlineError, CutAnswer, ServerTrouble, ShortAnswer, SkipItem
from chartline.identifiers import MAX_PLATFORM, PLATFORM, is_whole
from chartline.settings import settings
from chartline.soundcharts import endpoints, models
from chartline.soundcharts.calls import Answer
from chartline.soundcharts.client import SoundchartsClient
from chartline.soundcharts.endpoints import Endpoint
from chartline.warehouse import catalogue, charts, raw
from chartline.warehouse.connect import Connection
from chartline.warehouse.ledger import Settled, Want

FRESH = timedelta(days=7)

PLATFORM_LISTS: dict[Endpoint, str] = {
    endpoints.SONG_PLATFORMS: "ranks_charts",
    endpoints.SOCIAL_PLATFORMS: "serves_artist_audience",
    endpoints.STREAMING_PLATFORMS: "serves_artist_listening",
}
FLAGS = {endpoint.name: flag for endpoint, flag in PLATFORM_LISTS.items()}
LISTS = "platforms"
CHARTS = "charts"

OF_ONE_ONLY = SkipItem | ServerTrouble | CutAnswer | ShortAnswer
"""Failures that say nothing about the other platforms."""

OnPage = Callable[[str, int, int], None]


@dataclass
class CatalogueReport:
    """What a refresh did: platform lists and charts stored, calls spent, what was `skipped` as fresh (or held by
    another refresh), and the reason by name of what `failed`."""

    platform_lists: int = 0
    charts: int = 0
    calls: int = 0
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def refresh(
    conn: Connection,
    client: SoundchartsClient,
    platforms: Sequence[str] | None = None,
    on_page: OnPage | None = None,
    *,
    force: bool = False,
    owner: str = "",
    execution_id: int | None = None,
) -> CatalogueReport:
    """Fetch the lists of platforms, then the charts of `platforms` (default: of all that have charts).

    What is younger than seven days is left alone, unless `force`. Each page is stored when it comes, with its raw form
    and call record: a refresh that is cut off loses the page in flight. `on_page(platform, charts so far, total)` after
    each page of charts. One platform's failure does not stop the others. `owner`: who holds the leases; a retry under
    the same name goes on where it stopped. `conn` is in autocommit.

    Raises BadInput for a platform that has no charts (before any call where no platform can be called that), and the
    errors that concern all of them: of the account (credentials, plan, quota, minute limit) and of the network.
    """
    if wrong := [code for code in platforms or () if not is_whole(PLATFORM, code, MAX_PLATFORM)]:
        raise BadInput(f"platform: {wrong[0][:80]!r} cannot be a platform's code.", field="platform")
    own = Owner(owner or f"catalogue/{uuid4()}", execution_id, settings(), lambda: datetime.now(UTC))
    work = _Refresh(conn, client, own, datetime.now(UTC) if force else None)
    try:
        for endpoint, flag in PLATFORM_LISTS.items():
            work.attempt(LISTS, endpoint.name, partial(work.platform_list, endpoint, flag))
        known = catalogue.chart_platforms(conn)
        if unknown := [code for code in platforms or () if code not in known]:
            raise BadInput(
                f"platform: Soundcharts has no charts of {', '.join(unknown)}.",
                field="platform",
                advice=f"It has charts of {', '.join(known) or 'none'}.",
            )
        for code in known if platforms is None else dict.fromkeys(platforms):
            work.attempt(CHARTS, code, partial(work.charts_of, code, on_page))
    finally:
        for resource in (LISTS, CHARTS):
            work.keeper(resource).release()
    return work.report


@dataclass
class _Refresh:
    conn: Connection
    client: SoundchartsClient
    owner: Owner
    stale_before: datetime | None
    report: CatalogueReport = field(default_factory=CatalogueReport)
    in_hand: list[Answer] = field(default_factory=list)
    """What came and is not stored yet: it was paid."""

    def keeper(self, resource: str) -> Keeper:
        return Keeper(self.conn, self.owner, resource, timedelta(minutes=self.owner.settings.lease_minutes))

    def attempt(self, resource: str, entity: str, fetch: Callable[[], None]) -> None:
        """Fetch what is due and nobody else is at; note why it failed."""
        keeper, want = self.keeper(resource), Want(entity)
        if not keeper.hold([want], stale_before=self.stale_before).wants:
            self.report.skipped.append(entity)
            return
        try:
            fetch()
        except Exception as unnamed:
            if isinstance(unnamed, psycopg.Error) and storing.concerns_all(unnamed):
                raise
            error = storing.named(unnamed)
            if not error.calls:  # it came, and could not be read
                error.calls = tuple(call for answer in self.in_hand for call in answer.calls)
            keeper.fail(want, error)
            self.report.calls += len(error.calls)
            self.report.failed[entity] = str(error)
            if not isinstance(error, OF_ONE_ONLY):
                raise
        finally:
            self.in_hand = []

    def platform_list(self, endpoint: Endpoint, flag: str) -> None:
        self.in_hand = answers = self.client.pages(endpoint)
        listed = [platform for answer in answers for platform in models.parse(models.PlatformList, answer).items]

        def store() -> None:
            charts.upsert_platforms(self.conn, listed, answers[0].fetched_at, **{flag: True})

        self._keep(LISTS, endpoint.name, answers, store)
        self.report.platform_lists += 1

    def charts_of(self, platform: str, on_page: OnPage | None) -> None:
        stored = 0
        for part, (answer, page, last) in enumerate(self._pages(platform)):
            stored += self._page_of_charts(platform, part, answer, page, last=last)
            if on_page:
                on_page(platform, stored, page.page.total if page.page else stored)

    def _page_of_charts(self, platform: str, part: int, answer: Answer, page: models.ChartList, *, last: bool) -> int:
        """Store a page of charts; how many of them could be stored."""
        refused: list[tuple[models.ChartLight, ChartlineError]] = []

        def store() -> None:
            refused[:] = storing.each(self.conn, page.items, partial(charts.upsert_charts, self.conn))

        self._keep(CHARTS, platform, [answer], store, part, whole=last)
        self.report.failed |= {chart.slug: str(error) for chart, error in refused}
        stored = len(page.items) - len(refused)
        self.report.charts += stored
        return stored

    def _pages(self, platform: str) -> Iterator[tuple[Answer, models.ChartList, bool]]:
        """Each page and whether it is the last. The next one is asked from what came, so a page that came short is
        made up for; one that came empty is asked again, a few times."""
        offset, empty, last = 0, 0, False
        while not last:
            query = {"offset": offset, "limit": endpoints.CHARTS_BY_PLATFORM.page_limit}
            answer = self.client.get(endpoints.CHARTS_BY_PLATFORM, platform, query=query)
            self.in_hand = [answer]
            page = models.parse(models.ChartList, answer)
            came = len(answer.data["items"])  # those that cannot be read count too
            offset += came
            empty = 0 if came else empty + 1
            total = page.page.total if page.page else offset
            last = offset >= total and not (came and page.page and page.page.next)
            yield answer, page, last
            if not last and empty > self.owner.settings.call_retries:
                raise ShortAnswer(f"Soundcharts gave {offset} of {total} charts of {platform}.", body=answer.body)

    def _keep(
        self,
        resource: str,
        entity: str,
        answers: Sequence[Answer],
        store: Callable[[], None],
        first: int = 0,
        *,
        whole: bool = True,
    ) -> None:
        """One transaction: what `store` writes, the pages from number `first` on, and, with the last, that all came."""
        now = self.owner.now()
        raws = [raw.RawAnswer.of(resource, entity, "", part, answer) for part, answer in enumerate(answers, first)]
        made = [call for answer in answers for call in answer.calls]
        settled = [Settled(entity, "", "ok", now, now + FRESH)] if whole else []
        self.keeper(resource).keep(Kept(raws, settled, made), store)
        self.report.calls += len(made)
        self.in_hand = []
