"""Asking the API for what one request can bring, and sorting what came: by item a value, an error, or both.

Nothing here writes: the engine stores what is handed to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from chartline.cascade import storing
from chartline.cascade.refusals import ALIKE, Refusals
from chartline.cascade.resources import Metadata, Resource, Series
from chartline.errors import (
    AskPerson,
    CameShort,
    ChartlineError,
    ContractBroken,
    CutAnswer,
    Moved,
    NotFound,
    RateLimited,
    ServerTrouble,
    ShortAnswer,
    SkipItem,
    StopRun,
    TryLater,
    UnsupportedPlatform,
    WarehouseUnavailable,
)
from chartline.settings import Settings
from chartline.soundcharts import models, statuses
from chartline.soundcharts.calls import Call
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse import raw
from chartline.warehouse.ledger import Batch, Item

OF_ALL = StopRun | AskPerson | RateLimited | WarehouseUnavailable
"""Failures that the next request would meet too."""


@dataclass
class Fetched:
    """What one request brought, before it is stored: for each item a value, an error, or both (a series cut short)."""

    at: datetime
    values: list[tuple[Item, Any]] = field(default_factory=list)
    errors: list[tuple[Item, ChartlineError]] = field(default_factory=list)
    covered: dict[Item, tuple[date, date | None]] = field(default_factory=dict)
    crawled: dict[Item, datetime] = field(default_factory=dict)
    """When Soundcharts itself last read the platform."""
    raws: list[raw.RawAnswer] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    put_off: list[tuple[Item, ChartlineError]] = field(default_factory=list)
    """What was not asked, as others were refused for the same reason one after the other."""
    again: list[list[Item]] = field(default_factory=list)
    """Requests that are to be made yet: what an answer about several left out says nothing of them."""
    stop: ChartlineError | None = None
    """Set when nothing more should be asked: the account, not the item, is concerned."""

    @property
    def ended(self) -> set[Item]:
        """The items that need no further call: what the account's trouble stopped is not among them."""
        stopped = {item for item, _ in self.errors} if self.stop else set()
        return {item for item, _ in (*self.values, *self.errors, *self.put_off)} - stopped

    @property
    def found_api_away(self) -> bool:
        """Whether nothing came because the API did not answer."""
        passing = (isinstance(e, TryLater) and not isinstance(e, CutAnswer | ShortAnswer) for _, e in self.errors)
        return not self.values and any(passing)

    def join(self, part: Fetched) -> None:
        """Take in what a part of the same request brought."""
        self.values += part.values
        self.errors += part.errors
        self.raws += part.raws
        self.calls += part.calls
        self.put_off += part.put_off
        self.again += part.again
        self.stop = self.stop or part.stop


class Fetcher:
    """Makes the requests of one batch; thread-safe, as the client is."""

    def __init__(self, client: SoundchartsClient, settings: Settings, resource: Resource, batch: Batch) -> None:
        self._client, self._settings, self._resource = client, settings, resource
        self._first_days = int(batch.options.get("first_days") or settings.audience_window_days)
        self._refused: set[str] = set()  # platforms that the API turned out not to serve
        self._alike = Refusals()

    def requests(self, items: list[Item]) -> list[list[Item]]:
        """The items by request: as many together as one call takes."""
        size = self._resource.per_call
        return [items[n : n + size] for n in range(0, len(items), size)]

    def fetch(self, items: list[Item], at: datetime | None = None) -> Fetched:
        """What one request brings. Never raises: trouble of any kind is in the result, and so is what was paid.

        at: of the request that it is a part of: all that a request brings has one time, also where it is kept raw.
        """
        got = Fetched(at or datetime.now(UTC))
        if (refusal := self._alike.last(items[0].facet)) is not None:
            if isinstance(refusal, Moved):
                got.stop = statuses.elsewhere(ALIKE)
            else:
                got.put_off += ((item, refusal) for item in items)
            return got
        try:
            if isinstance(self._resource, Metadata):
                self._fetch_metadata(got, self._resource, items)
            else:
                self._fetch_series(got, self._resource, items[0])
        except Exception as error:
            done = got.ended
            _failed(got, self._resource, [item for item in items if item not in done], storing.named(error))
        return got

    def _fetch_metadata(self, got: Fetched, resource: Metadata, items: list[Item]) -> None:
        uuids = [item.entity for item in items]
        try:
            answer = self._client.get(resource.endpoint, ",".join(uuids))
        except (CutAnswer, SkipItem, ServerTrouble) as error:
            _note(got, resource, items, error)
            if len(items) == 1:
                self._alike.note(error, items[0].facet)
                got.errors.append((items[0], error))
                return
            # One bad item must not cost the other nine: halve until it stands alone.
            middle = len(items) // 2
            for half in (items[:middle], items[middle:]):
                if got.stop is not None:
                    break
                if len(items) > 3 and got.found_api_away:  # two in a row alone: no item is to blame
                    got.errors.extend((item, error) for item in half)
                else:
                    got.join(self.fetch(half, got.at))
            return
        except ChartlineError as error:
            _failed(got, resource, items, error)
            return
        self._alike.good(items[0].facet)
        got.raws.append(raw.RawAnswer.of(resource.name, ",".join(uuids), "", 0, answer, got.at))
        got.calls.extend(answer.calls)
        by_uuid = {item.entity: item for item in items}
        try:
            answered = models.parse_batch(resource.model, answer, uuids)
        except ContractBroken as error:
            got.errors.extend((item, error) for item in items)
            return
        for uuid, value in answered.told.items():
            if isinstance(value, ChartlineError):
                got.errors.append((by_uuid[uuid], value))
            else:
                got.values.append((by_uuid[uuid], value))
        _note_left_out(got, resource, answered, [by_uuid[uuid] for uuid in answered.left_out])

    def _fetch_series(self, got: Fetched, resource: Series, item: Item) -> None:
        if item.facet in self._refused:
            got.errors.append((item, UnsupportedPlatform(f"{item.facet} is not served for {resource.name}.")))
            return
        points: list[Any] = []
        answered = done = False
        whole: tuple[date, date] | None = None  # the days that need not be asked again
        try:
            for window in resource.windows(item, got.at.date(), self._first_days, self._settings):
                query = {"startDate": window.start.isoformat(), "endDate": window.end.isoformat()}
                answers, short = self._client.dated(resource.endpoint, item.entity, item.facet, query)
                self._alike.good(item.facet)
                for answer in answers:
                    number = len(got.raws)
                    got.raws.append(raw.RawAnswer.of(resource.name, item.entity, item.facet, number, answer, got.at))
                    got.calls.extend(answer.calls)
                for answer in answers:
                    part = resource.read(answer, window)
                    points += part.points
                    if part.crawled_at:
                        got.crawled[item] = part.crawled_at
                answered = True
                if short is not None:
                    got.errors = [(item, _came_short(short, again=not item.came_short))]
                    if not item.came_short:
                        break  # the next try begins here
                first, last = whole or (window.start, window.end)
                whole = (min(first, window.start), max(last, window.end))
            else:
                done = True
        except Exception as error:
            named = storing.named(error)
            self._alike.note(named, item.facet)
            if isinstance(error, UnsupportedPlatform):
                self._refused.add(item.facet)
            got.errors = []  # what follows says more than that a window came short
            _failed(got, resource, [item], named)
        if answered:
            got.values.append((item, points))
        if whole is not None:
            days = [*whole] if resource.whole_days else resource.days(points)
            # What was asked for is known from its first day on, also where there is nothing; up to the last day that
            # has a value, as later ones may still come. A day that lies ahead must not stand for those up to it.
            if days or done:
                got.covered[item] = (whole[0], min(max(days), whole[1]) if days else None)


def _note_left_out(got: Fetched, resource: Metadata, answered: models.BatchAnswer[Any], left_out: list[Item]) -> None:
    """What is left out is asked again. Of an answer that says it is short: together, or in halves where nothing came.
    Of a whole one: each alone, and what is said then is believed. What was absent before, and is left out again, is not
    asked."""
    about = resource.endpoint.name
    if len(left_out) == 1 and not answered.told:  # it was asked alone
        if answered.short:
            what = f"Soundcharts gave no whole answer of {about} of {left_out[0].entity}, which it says that there is."
            got.errors.append((left_out[0], ShortAnswer(what)))
        else:
            got.errors.append((left_out[0], _unknown(about, left_out[0])))
    elif answered.short:
        middle = 0 if answered.told else len(left_out) // 2
        got.again += [part for part in (left_out[:middle], left_out[middle:]) if part]
    else:
        for item in left_out:
            if item.was_absent:
                got.errors.append((item, _unknown(about, item)))
            else:
                got.again.append([item])


def _unknown(about: str, item: Item) -> NotFound:
    return NotFound(f"Soundcharts left {item.entity} out of its answer of {about}: it does not know it.")


def _came_short(short: ShortAnswer, *, again: bool) -> CameShort:
    then = (
        "The next run about it asks for it once more, from tomorrow on."
        if again
        else "It came so before, and is not asked again for it."
    )
    return CameShort(short.what, advice=f"What came is kept. {then}")


def _note(got: Fetched, resource: Resource, items: list[Item], error: ChartlineError) -> None:
    """Keep what a failed request cost and what it answered."""
    got.calls.extend(error.calls)
    if error.body:
        entity, facet = ",".join(i.entity for i in items), items[0].facet
        got.raws.append(
            raw.RawAnswer(resource.name, entity, facet, len(got.raws), resource.endpoint.name, "", got.at, error.body)
        )


def _failed(got: Fetched, resource: Resource, items: list[Item], error: ChartlineError) -> None:
    _note(got, resource, items, error)
    got.errors.extend((item, error) for item in items)
    if isinstance(error, OF_ALL):
        got.stop = error
