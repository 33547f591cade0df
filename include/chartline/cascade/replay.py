"""Raw answers read again: what they brought is stored once more, without a call.

Reading and storing are those of the cascade, by the registry's entry of each resource. Answers are taken in the order
in which they came, so that what came last stands in the end, also where only a part is chosen: then what came later
about the same things is taken along. The ledger takes an answer as of the time when it came, and only where it
knows of nothing newer: what is fresh stays fresh, what was promised and is found among the answers is owed no more,
and a new warehouse pays for nothing twice.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chartline.cascade import calendar, catalogue, keeping, outcomes, storing, tracks
from chartline.cascade.fetching import Fetched
from chartline.cascade.resources import (
    CALENDAR,
    CATALOGUE,
    RANKING,
    RESOURCES,
    Metadata,
    Resource,
    Series,
    Window,
)
from chartline.errors import BadInput, CameShort, ChartlineError, ContractBroken
from chartline.settings import Settings
from chartline.soundcharts import models
from chartline.soundcharts.calls import Answer
from chartline.warehouse import artists, charts, ledger, raw
from chartline.warehouse import tracks as stored_tracks
from chartline.warehouse.connect import Connection
from chartline.warehouse.ledger import FOREVER, Item, Settled
from chartline.warehouse.rankings import FetchedRanking
from chartline.warehouse.raw import KeptFetch, NotKept
from chartline.wording import counted

log = logging.getLogger(__name__)

TOGETHER = 50
"""Fetches that are stored in one transaction."""
READ = 500
"""Fetches whose bodies are in memory at a time."""
SHOWN = 50
"""Fetches that could not be read or stored which a report names."""
AT_WORK = timedelta(hours=1)
"""What came so shortly before a replay began may have been stored while it ran, and is taken once more at its end."""

OF_CHARTS = (CALENDAR.name, RANKING.name)

Key = tuple[str, str, str]
"""Resource, entity and facet."""


@dataclass(frozen=True)
class ReplayAsk:
    """What to read again. `charts`: their rankings, and the tracks and artists on them; none: all. `resources`: by
    name, or by a table that they fill; none: all. `since`, `until`: of rankings and series their own days, of anything
    else the days (UTC) on which it came. `dry_run`: read all, store nothing."""

    charts: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    dry_run: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return not (self.charts or self.resources or self.since or self.until)

    def covers(self, first: date, last: date) -> bool:
        """Whether one of the days from `first` to `last` is asked for."""
        return (self.since is None or last >= self.since) and (self.until is None or first <= self.until)


@dataclass
class Came:
    """One fetch, read. `values`: what is stored; `items`: what they are; `leads_to`: what else its storing touches."""

    fetch: KeptFetch
    items: list[Key]
    values: list[Any] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    leads_to: list[tuple[str, str]] = field(default_factory=list)
    errors: list[ChartlineError] = field(default_factory=list)
    light: bool = False


Read = Callable[[KeptFetch, list[Answer], Settings], Came]
Store = Callable[[Connection, Sequence[Came]], int]


@dataclass(frozen=True)
class Replay:
    """How the kept answers of a resource become rows. `kept`: the names under which they are kept; `facts`: whether
    others write the same rows, so that the order among them counts."""

    name: str
    kept: tuple[str, ...]
    tables: tuple[str, ...]
    read: Read
    store: Store
    facts: bool


@dataclass
class Replayed:
    """What became of a resource's answers: fetches read, rows made or changed, and those that could not be used."""

    fetches: int = 0
    rows: int = 0
    unread: int = 0


@dataclass
class ReplayReport:
    """What a replay did. `unread`: the first `SHOWN` fetches that could not be read or stored, and why; `kept`: when
    the oldest and the newest answer came; `not_kept`: what the ledger has and no kept answer brings; `copied`: answers
    kept in the new warehouse."""

    resources: dict[str, Replayed] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    kept: tuple[datetime, datetime] | None = None
    not_kept: list[NotKept] = field(default_factory=list)
    copied: int = 0

    @property
    def failed(self) -> int:
        """Fetches that could not be read or stored."""
        return sum(one.unread for one in self.resources.values())

    def lines(self, *, dry_run: bool) -> Iterator[str]:
        """What is to be said of it, for people."""
        if self.kept is None:
            yield "No raw answer is kept."
            return
        oldest, newest = self.kept
        yield f"Raw answers are kept from {oldest:%Y-%m-%d %H:%M} to {newest:%Y-%m-%d %H:%M} UTC. No call was made."
        for one in self.not_kept:
            if one.items and one.first and one.last:
                yield (
                    f"{one.resource}: {counted(one.items, 'thing')} fetched from {one.first:%Y-%m-%d} to "
                    f"{one.last:%Y-%m-%d} of which no answer is kept any more."
                )
            if one.shorter:
                yield f"{one.resource}: of {counted(one.shorter, 'series', 'series')} the first days are kept no more."
        if self.copied:
            yield f"{counted(self.copied, 'raw answer')} copied."
        if self.failed:
            yield f"{counted(self.failed, 'fetch', 'fetches')} could not be read or stored."
        if dry_run:
            yield "A dry run: nothing was stored."

    def note(self, came: Came, error: ChartlineError) -> None:
        """That something of a fetch could not be used."""
        fetch = came.fetch
        self.resources[_plain_name(fetch.resource)].unread += 1
        if len(self.unread) < SHOWN:
            what = " ".join(part[:80] for part in (fetch.resource, fetch.entity, fetch.facet) if part)
            self.unread.append(f"{what} of {fetch.fetched_at:%Y-%m-%d %H:%M}: {error}"[:500])


def replay(
    source: Connection, target: Connection, ask: ReplayAsk, settings: Settings, *, moves: bool = False
) -> ReplayReport:
    """Read the raw answers of the warehouse `source` into `target`, which may be the same. Both are in autocommit.

    moves: `target` is another warehouse: the answers are kept there too, and so is what Soundcharts does not have.
    Safe to run again, and while runs go on. Raises BadInput for what no answers are kept of.
    """
    known = registry()
    return _Replaying(source, target, ask, settings, moves, known, _chosen(ask, known)).go()


def names() -> list[str]:
    """What may be chosen: resources, and tables."""
    return sorted({name for one in registry().values() for name in (one.name, *one.tables)})


def _chosen(ask: ReplayAsk, known: Mapping[str, Replay]) -> set[str]:
    if ask.since and ask.until and ask.since > ask.until:
        raise BadInput("from: it lies after the last day.", field="from")
    if unknown := sorted(set(ask.resources) - set(names())):
        raise BadInput(
            f"resources: unknown: {', '.join(unknown)}.", field="resources", advice=f"Known are {', '.join(names())}."
        )
    return {
        one.name for one in known.values() if not ask.resources or {one.name, *one.tables}.intersection(ask.resources)
    }


@dataclass
class _Replaying:
    source: Connection
    target: Connection
    ask: ReplayAsk
    settings: Settings
    moves: bool
    known: Mapping[str, Replay]
    chosen: set[str]
    report: ReplayReport = field(default_factory=ReplayReport)
    touched: set[Key] = field(default_factory=set)
    """Of what is replayed in part: what came later about these is taken along."""
    members: set[tuple[str, str]] | None = None
    """The tracks and artists of the charts that are asked for."""
    facts: list[Came] = field(default_factory=list)
    others: dict[str, list[Came]] = field(default_factory=lambda: defaultdict(list))

    def go(self) -> ReplayReport:
        kept = [name for one in self.known.values() for name in one.kept]
        began, newest = datetime.now(UTC), raw.newest_id(self.source)
        if self.ask.charts:
            self.members = self._members()
        self.report.kept = raw.span(self.source, kept)
        if self.report.kept is None:
            return self.report
        if self.moves and self.ask.is_whole and not self.ask.dry_run:
            self._tell_what_is_absent()
        first, last = self.report.kept
        self._pass(kept, first, last + timedelta(microseconds=1))
        if not self.ask.dry_run and raw.newest_id(self.source) > newest:
            self._pass(kept, began - AT_WORK, datetime.now(UTC) + AT_WORK)
        names = [name for one in self.known.values() if one.name in self.chosen for name in one.kept]
        self.report.not_kept = raw.not_kept(self.source, names)
        return self.report

    def _pass(self, kept: Sequence[str], since: datetime, until: datetime) -> None:
        """All that came in that time, day by day."""
        while since < until:
            end = min(since + timedelta(days=1), until)
            fetches = raw.fetches(self.source, kept, since, end)
            for start in range(0, len(fetches), READ):
                self._take(fetches[start : start + READ])
            since = end
        self._flush()

    def _take(self, fetches: Sequence[KeptFetch]) -> None:
        wanted = list(self._wanted(fetches))
        ids = [part.id for fetch in wanted for part in fetch.parts]
        bodies = raw.packed(self.source, ids)
        for fetch in wanted:
            came = self._read(fetch, bodies)
            if came is not None and not self.ask.dry_run:
                self._queue(came)
        if self.moves and not self.ask.dry_run:
            with self.target.transaction():
                self.report.copied += raw.copy(self.source, self.target, ids)

    # -- what is wanted ----------------------------------------------------------------------------------------

    def _wanted(self, fetches: Iterable[KeptFetch]) -> Iterator[KeptFetch]:
        """Those whose bodies are worth a look: what is asked for, and what came later and may be about the same."""
        keys: set[Key] = set()
        begun = bool(self.touched)
        for fetch in fetches:
            if self.ask.is_whole or self._is_chosen(fetch):
                begun = True
                keys.update(_keys(fetch))
                yield fetch
            elif self.known[_plain_name(fetch.resource)].facts:
                if begun:
                    yield fetch
            elif any(key in self.touched or key in keys for key in _keys(fetch)):
                yield fetch

    def _is_chosen(self, fetch: KeptFetch) -> bool:
        """Whether it is asked for itself."""
        name = _plain_name(fetch.resource)
        if name not in self.chosen:
            return False
        first, last = _days(fetch)
        return self.ask.covers(first, last) and any(self._belongs(key) for key in _keys(fetch))

    def _belongs(self, key: Key) -> bool:
        """Whether it is of the charts that are asked for."""
        name, entity, _ = key
        if not self.ask.charts:
            return True
        if name == CATALOGUE.name:
            return bool({name, *self.known[name].tables}.intersection(self.ask.resources))
        if name in (RANKING.name, CALENDAR.name):
            return entity in self.ask.charts
        return self.members is not None and (RESOURCES[name].subject, entity) in self.members

    def _members(self) -> set[tuple[str, str]]:
        """The tracks on all kept rankings of the charts, and the artists of those."""
        found: set[tuple[str, str]] = set()
        for name in (RANKING.name, "track_metadata"):
            replay = self.known[name]
            span = raw.span(self.source, replay.kept)
            for fetch in raw.fetches(self.source, replay.kept, span[0], span[1] + AT_WORK) if span else ():
                of_charts = name == RANKING.name and fetch.entity in self.ask.charts
                if of_charts or any(("track", entity) in found for _, entity, _ in _keys(fetch)):
                    came = self._parse(replay, fetch, raw.packed(self.source, [part.id for part in fetch.parts]))
                    found.update(() if isinstance(came, ChartlineError) else came.leads_to)
        return found

    # -- reading -----------------------------------------------------------------------------------------------

    def _read(self, fetch: KeptFetch, bodies: dict[int, bytes]) -> Came | None:
        """What is to be stored of it; None when that is nothing."""
        name = _plain_name(fetch.resource)
        replay = self.known[name]
        chosen = self.ask.is_whole or self._is_chosen(fetch)
        came = self._parse(replay, fetch, bodies)
        if isinstance(came, ChartlineError):
            if chosen and not (fetch.resource != name and not fetch.parts[0].path):  # that was no good answer
                self.report.resources.setdefault(name, Replayed())
                self.report.note(Came(fetch, []), came)
            return None
        if not self.ask.is_whole:
            if not self._narrow(came, chosen=chosen):
                return None
            self.touched.update(came.items)
            self.touched.update(_about(subject, entity) for subject, entity in came.leads_to)
            self.touched.update(_about("chart", entity) for name, entity, _ in came.items if name in OF_CHARTS)
        done = self.report.resources.setdefault(name, Replayed())
        done.fetches += not came.light
        for error in came.errors:
            self.report.note(came, error)
        return came

    def _narrow(self, came: Came, *, chosen: bool) -> bool:
        """Leave what is neither asked for nor touched; whether something is left."""
        mine = {key for key in came.items if (chosen and self._belongs(key)) or key in self.touched}
        if not mine:
            came.values = [
                value for key, value in _named_by(came) if key in self.touched
            ]  # what it says of others, shortly, stands until something newer says otherwise
            came.items, came.settled, came.leads_to, came.light = [], [], [], True
            return bool(came.values)
        resource = RESOURCES.get(came.fetch.resource)
        if resource is not None and len(mine) < len(came.items):
            came.items = [key for key in came.items if key in mine]
            came.values = [one for one in came.values if (resource.name, one[0].entity, one[0].facet) in mine]
            came.settled = [one for one in came.settled if (resource.name, one.entity, one.facet) in mine]
            came.leads_to = [link for _, value in came.values for link in _artists_of(value)]
        return True

    def _parse(self, replay: Replay, fetch: KeptFetch, bodies: dict[int, bytes]) -> Came | ChartlineError:
        try:
            answers = [
                raw.RawAnswer(
                    fetch.resource, fetch.entity, fetch.facet, number, part.endpoint, part.path, fetch.fetched_at,
                    raw.unpacked(bodies[part.id]),
                ).answer()
                for number, part in enumerate(fetch.parts)
                if part.id in bodies  # else it was dropped meanwhile
            ]  # fmt: skip
            if len(answers) < len(fetch.parts):
                return ContractBroken("Its answers were dropped, as they became too old.")
            if any(not isinstance(answer.data, dict) for answer in answers):
                return ContractBroken("What is kept is no object.")
            return replay.read(fetch, answers, self.settings)
        except Exception as error:
            return storing.named(error)

    # -- storing -----------------------------------------------------------------------------------------------

    def _queue(self, came: Came) -> None:
        """Put it with the others of its resource; what must be stored before it is."""
        name = _plain_name(came.fetch.resource)
        if self.known[name].facts:
            if self.facts and not _fits(self.facts, came):
                self._flush_facts()
            self.facts.append(came)
            return
        others = self.others[name]
        if others and not _fits(others, came):
            self._flush()
        self.others[name].append(came)

    def _flush(self) -> None:
        self._flush_facts()  # series may be of tracks that they bring
        for several in self.others.values():
            self._store(several)
        self.others.clear()

    def _flush_facts(self) -> None:
        facts, self.facts = self.facts, []
        self._store(facts)

    def _store(self, several: Sequence[Came]) -> None:
        """Together in one transaction, or each by itself where one of them cannot be stored."""
        if not several:
            return
        name = _plain_name(several[0].fetch.resource)
        replay = self.known[name]

        def write() -> int:
            rows = (_store_named if several[0].light else replay.store)(self.target, several)
            by_name: dict[str, list[Settled]] = defaultdict(list)
            for came in several:
                by_name[came.fetch.resource].extend(came.settled)
            for kept, settled in by_name.items():
                known = name if kept == keeping.broken(name) else kept
                ledger.settle(self.target, known, _newest(settled), only_newer=True)
            return rows

        try:
            self.report.resources.setdefault(name, Replayed()).rows += storing.together(self.target, write)
        except Exception as error:
            if storing.concerns_all(error):
                raise
            if len(several) == 1:
                self.report.note(several[0], storing.named(error))
                return
            for came in several:
                self._store([came])

    def _tell_what_is_absent(self) -> None:
        """What the API does not have left no answer behind: the new ledger learns of it from the old one."""
        for resource, settled in ledger.absent(self.source).items():
            with self.target.transaction():
                ledger.settle(self.target, resource, settled, only_newer=True)


def _newest(settled: Iterable[Settled]) -> list[Settled]:
    """One for each thing."""
    return list({(one.entity, one.facet): one for one in settled}.values())


def _fits(others: Sequence[Came], came: Came) -> bool:
    """Whether it may be stored in one transaction with those before it: nothing twice, and all of one kind."""
    first = others[0]
    if len(others) >= TOGETHER or came.light != first.light:
        return False
    if _plain_name(came.fetch.resource) != _plain_name(first.fetch.resource):
        return False
    there = {key for one in others for key in one.items}
    return there.isdisjoint(came.items)


def _plain_name(kept: str) -> str:
    """The name of the resource whose answers are kept under that one."""
    return _BY_KEPT.get(kept, kept)


def _keys(fetch: KeptFetch) -> Iterator[Key]:
    """What a fetch is about."""
    name = _plain_name(fetch.resource)
    for entity in fetch.entity.split(","):
        yield name, entity, fetch.facet


def _days(fetch: KeptFetch) -> tuple[date, date]:
    """The days that a fetch is about; of what is about none the day on which it came."""
    came = fetch.fetched_at.astimezone(UTC).date()
    windows = [window for part in fetch.parts if (window := _window(part.path))]
    if windows:
        return min(one.start for one in windows), max(one.end for one in windows)
    if _plain_name(fetch.resource) == RANKING.name and fetch.facet[:4].isdigit():
        day = date.fromisoformat(fetch.facet)
        return day, day
    return came, came


def _window(path: str) -> Window | None:
    """The days that a series was asked for; None where the path names none: that of a later page is the API's own."""
    try:
        asked = parse_qs(urlsplit(path).query)
        return Window(date.fromisoformat(asked["startDate"][0]), date.fromisoformat(asked["endDate"][0]))
    except (KeyError, ValueError):
        return None


def _about(subject: str, entity: str) -> Key:
    """What the metadata of a track or an artist, or the catalogue's word on a chart, is known by."""
    return (CATALOGUE.name if subject == "chart" else f"{subject}_metadata"), entity, ""


def _named_by(came: Came) -> Iterator[tuple[Key, Any]]:
    """What a fetch says of others in passing: rankings of tracks, tracks of artists, the catalogue of charts."""
    for value in came.values:
        if isinstance(value, FetchedRanking):
            yield from ((_about("track", item.song.uuid), item.song) for page in value.pages for item in page.items)
        elif isinstance(value, models.ChartLight):
            yield _about("chart", value.slug), value
        elif isinstance(value, tuple) and isinstance(value[1], models.Song):
            song = value[1]
            yield from ((_about("artist", a.uuid), a) for a in (*song.artists, *(song.main_artists or ())))


def _store_named(conn: Connection, several: Sequence[Came]) -> int:
    values = [value for came in several for value in came.values]
    match values[0]:
        case models.ChartLight():
            return len(charts.upsert_charts(conn, values))
        case models.ArtistLight():
            return artists.store_light(conn, values).written
    return stored_tracks.store_light(conn, values).written


# -- how each is read and stored -----------------------------------------------------------------------------


def _artists_of(value: Any) -> list[tuple[str, str]]:
    if not isinstance(value, models.Song):
        return []
    return [("artist", artist.uuid) for artist in (*value.artists, *(value.main_artists or ()))]


def _metadata(resource: Metadata) -> Replay:
    def read(fetch: KeptFetch, answers: list[Answer], settings: Settings) -> Came:
        uuids = fetch.entity.split(",")
        came = Came(fetch, [(resource.name, uuid, "") for uuid in uuids])
        got = Fetched(fetch.fetched_at)
        for answer in answers:
            for uuid, value in models.parse_batch(resource.model, answer, uuids).told.items():
                if isinstance(value, ChartlineError):
                    got.errors.append((Item(uuid, ""), value))
                else:
                    got.values.append((Item(uuid, ""), value))
        came.values = list(got.values)
        came.settled = [one for one in outcomes.settled(resource, got, settings) if one.outcome == "ok"]
        came.errors = [error for _, error in got.errors if isinstance(error, ContractBroken)]
        came.leads_to = [link for _, value in got.values for link in _artists_of(value)]
        return came

    def store(conn: Connection, several: Sequence[Came]) -> int:
        values = [value for came in several for value in came.values]
        at = {item.entity: came.fetch.fetched_at for came in several for item, _ in came.values}
        if not values:
            return 0
        counts = resource.store(conn, values, at)
        return sum(vars(counts).values())

    return Replay(resource.name, (resource.name,), _tables(resource), read, store, facts=True)


def _series(resource: Series) -> Replay:
    def read(fetch: KeptFetch, answers: list[Answer], settings: Settings) -> Came:
        came = Came(fetch, [(resource.name, fetch.entity, fetch.facet)])
        item, got = Item(fetch.entity, fetch.facet), Fetched(fetch.fetched_at)
        points: list[Any] = []
        whole: list[Window] = []
        for window, pages in _by_window(answers):
            for answer in pages:
                part = resource.read(answer, window)
                points += part.points
                if part.crawled_at:
                    got.crawled[item] = part.crawled_at
            if _is_short(pages):
                got.errors = [(item, CameShort("It came with fewer values than its own total."))]
            else:
                whole.append(window)
        if known := _without_hole(whole):
            days = [known.start, known.end] if resource.whole_days else resource.days(points)
            got.covered[item] = (known.start, min(max(days), known.end) if days else None)
        got.values.append((item, points))
        # What lies within a window that came later is taken away: else its days would count twice.
        came.values = [(replace(item, came_short=resource.whole_days), points)]
        came.settled = outcomes.settled(resource, got, settings)
        return came

    def store(conn: Connection, several: Sequence[Came]) -> int:
        return resource.store(conn, [value for came in several for value in came.values])

    return Replay(resource.name, (resource.name,), _tables(resource), read, store, facts=False)


def _by_window(answers: Sequence[Answer]) -> list[tuple[Window, list[Answer]]]:
    """The pages of each window, in the order in which they came."""
    found: list[tuple[Window, list[Answer]]] = []
    for answer in answers:
        window = _window(answer.path) or (found[-1][0] if found else None)
        if window is None:
            raise ContractBroken("The days that it was asked for are not known.", endpoint=answer.endpoint)
        if found and found[-1][0] == window:
            found[-1][1].append(answer)
        else:
            found.append((window, [answer]))
    return found


def _is_short(pages: Sequence[Answer]) -> bool:
    """Whether they hold fewer items than they say there are."""
    total = (pages[-1].data.get("page") or {}).get("total")
    return isinstance(total, int) and sum(len(page.data["items"]) for page in pages) < total


def _without_hole(windows: Sequence[Window]) -> Window | None:
    """The newest of these days that follow on one another."""
    newest_first = sorted(windows, key=lambda window: window.end, reverse=True)
    if not newest_first:
        return None
    known, *earlier = newest_first
    for window in earlier:
        if window.end + timedelta(days=1) < known.start:
            break
        known = Window(min(window.start, known.start), known.end)
    return known


def _read_ranking(fetch: KeptFetch, answers: list[Answer], settings: Settings) -> Came:
    fetched = tracks.read(fetch.entity, answers, fetch.fetched_at)
    day = fetched.pages[0].date
    settled = Settled(fetch.entity, day.isoformat(), "ok", fetch.fetched_at, FOREVER, day, day)
    songs = [("track", item.song.uuid) for page in fetched.pages for item in page.items]
    return Came(fetch, [(RANKING.name, fetch.entity, day.isoformat())], [fetched], [settled], songs)


def _store_rankings(conn: Connection, several: Sequence[Came]) -> int:
    by_chart: dict[str, list[FetchedRanking]] = defaultdict(list)
    for came in several:
        by_chart[came.fetch.entity].extend(came.values)
    rows = 0
    for slug, fetched in sorted(by_chart.items()):
        for one in fetched:
            calendar.note(conn, slug, one.pages[0].chart, [one.pages[0].stamp], one.fetched_at)
        rows += sum(done.entries for done in tracks.store(conn, fetched))
    return rows


def _read_calendar(fetch: KeptFetch, answers: list[Answer], settings: Settings) -> Came:
    pages = calendar.Pages(fetch.fetched_at, [models.parse(models.AvailableRankings, answer) for answer in answers])
    settled = Settled(fetch.entity, "", "ok", pages.at, pages.at, pages.since, pages.at.date())
    return Came(fetch, [(CALENDAR.name, fetch.entity, "")], [pages], [settled])


def _store_calendars(conn: Connection, several: Sequence[Came]) -> int:
    for came in several:
        for page in came.values[0].read:
            calendar.note(conn, came.fetch.entity, page.chart, page.stamps, came.fetch.fetched_at)
    return sum(came.values[0].count for came in several)


def _read_catalogue(fetch: KeptFetch, answers: list[Answer], settings: Settings) -> Came:
    came = Came(fetch, [(CATALOGUE.name, fetch.entity, "")])
    if fetch.resource == catalogue.LISTS:
        came.values = [one for answer in answers for one in models.parse(models.PlatformList, answer).items]
        whole = True
    else:
        pages = [models.parse(models.ChartList, answer) for answer in answers]
        came.values = [one for page in pages for one in page.items]
        whole = not _is_short(answers)
    if whole:
        at = fetch.fetched_at
        came.settled = [Settled(fetch.entity, "", "ok", at, at + catalogue.FRESH)]
    return came


def _store_catalogue(conn: Connection, several: Sequence[Came]) -> int:
    rows = 0
    for came in several:
        fetch = came.fetch
        if fetch.resource == catalogue.LISTS:
            flag = catalogue.FLAGS[fetch.entity]
            rows += charts.upsert_platforms(conn, came.values, fetch.fetched_at, **{flag: True}).written
        else:
            refused = storing.each(conn, came.values, lambda listed: charts.upsert_charts(conn, listed))
            rows += len(came.values) - len(refused)
    return rows


def _tables(resource: Resource) -> tuple[str, ...]:
    return resource.weight.tables if resource.weight else ()


_LISTS = (
    Replay(
        CATALOGUE.name,
        (catalogue.LISTS, catalogue.CHARTS),
        ("platform", "chart"),
        _read_catalogue,
        _store_catalogue,
        facts=True,
    ),
    Replay(CALENDAR.name, (CALENDAR.name,), ("chart_calendar",), _read_calendar, _store_calendars, facts=True),
    Replay(
        RANKING.name,
        (RANKING.name, keeping.broken(RANKING.name)),
        ("chart_ranking", "chart_ranking_entry"),
        _read_ranking,
        _store_rankings,
        facts=True,
    ),
)
_BY_KEPT = {kept: one.name for one in _LISTS for kept in one.kept}


def registry() -> dict[str, Replay]:
    """How each resource's answers are read again, by its name: what the engine fetches by its entry, lists by hand."""
    lists = {one.name: one for one in _LISTS}
    return lists | {
        name: _metadata(one) if isinstance(one, Metadata) else _series(one) for name, one in RESOURCES.items()
    }
