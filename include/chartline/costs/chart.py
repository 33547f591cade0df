"""What the rankings of a chart cost, with all that follows from them.

Exact for the tracks and artists that are known; ranges for those that its rankings may bring.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from math import ceil

from chartline.cascade import planning
from chartline.cascade.resources import ARTIST_METADATA, CALENDAR, RANKING, TRACK_METADATA, Metadata
from chartline.costs import outlook, turnover
from chartline.costs.outlook import Outlook
from chartline.costs.tally import Tally
from chartline.domain.asks import CascadeAsk, Step
from chartline.soundcharts import endpoints
from chartline.warehouse import rankings
from chartline.warehouse.reads import costs

PAGE = endpoints.AVAILABLE_RANKINGS.page_limit
USUAL_CALENDAR = 1500
"""Days that a chart's calendar may hold where it is not known."""


# -- the latest ranking, or one by hand --------------------------------------------------------------------------


def latest(tally: Tally, seen: Outlook, ask: CascadeAsk, *, by_hand: bool = False) -> None:
    """The latest ranking, or that of one day, and all that is fetched for it.

    by_hand: a run by hand asks for the latest ranking even when it is here; a schedule's only when it expects more.
    """
    day, conn = ask.day, tally.conn
    known = _tracks_known(tally, seen, day)
    low, high = seen.pages
    if day is not None:
        if day in seen.here and not ask.force:
            low = high = 0
        elif day not in seen.calendar:
            _calendar(tally, seen, day)
    elif seen.newest is not None and seen.newest in seen.here and not ask.force:
        newer = bool(seen.calendar) and seen.calendar[-1] > seen.newest
        if not newer:
            low, high = int(by_hand and not seen.knows_latest), 1 if seen.asked else high
    tally.add(RANKING.name, low, high)
    tracks, further = known or [], (0, 0)
    if known is None:
        others = costs.other_charts_stored(conn, seen.chart.id if seen.chart else None)
        further = (0 if others or seen.newest else seen.places[0], seen.places[1])
    elif day is None and seen.newest:
        behind = sum(listed > seen.newest for listed in seen.calendar) or (0 if seen.asked else 1)
        further = (0, ceil(min(seen.rate.high * behind, seen.places[1])))
    artists, without = costs.artists_of(conn, tracks)
    more = (0, 0)
    if TRACK_METADATA.step in ask.steps:
        more = _artists_of_ranking(tally, further[0] + without, further[1] + without)
    for step in ask.steps:
        uuids, unknown = (tracks, further) if step.startswith("track") else (artists, more)
        for one in planning.asks(step, uuids, ask, tally.settings):
            tally.price(one, unknown)


def _tracks_known(tally: Tally, seen: Outlook, day: date | None) -> list[str] | None:
    """The tracks of the newest ranking, or of that of a day; None where it is not here."""
    if day is None or day == seen.newest:
        return list(seen.tracks) if seen.newest else None
    stored = rankings.find(tally.conn, seen.chart.id, day) if seen.chart else None
    return costs.tracks_of(tally.conn, stored.id) if stored else None


def _calendar(tally: Tally, seen: Outlook, day: date) -> None:
    """A run for a day without a stamp asks for the calendar."""
    known = len(seen.calendar)
    tally.add(CALENDAR.name, 0, ceil((known if seen.listed else USUAL_CALENDAR) / PAGE) + 1)
    tally.notes.append(f"The calendar of {seen.slug} has no ranking of {day}.")


def _artists_of_ranking(tally: Tally, low: int, high: int) -> tuple[int, int]:
    """Artists not known yet of tracks of the newest ranking whose own are not known."""
    few, many = turnover.USUAL_ARTISTS
    others = costs.artist_sample(tally.conn).artists
    return (0 if others else int(low * few), ceil(high * many))


# -- the history ------------------------------------------------------------------------------------------------------


def listed(tally: Tally, seen: Outlook, first: date, last: date) -> tuple[Outlook, list[date]]:
    """The calendar's days in the range, with what is guessed of it; says where Soundcharts begins later."""
    if not seen.listed:
        seen = replace(seen, calendar=outlook.guessed(seen, first, last))
        tally.notes.append(f"The calendar of {seen.slug} is not known: Soundcharts may have fewer of these days.")
        tally.add(CALENDAR.name, 1, ceil(USUAL_CALENDAR / PAGE) + 1)
    calendar = seen.calendar
    days = [day for day in calendar if first <= day <= last]
    if seen.listed and calendar and calendar[0] > first:
        asked = (last - first).days + 1
        tally.notes.append(
            f"Soundcharts has {seen.slug} from {calendar[0]} on: {len(days)} rankings in the {asked} days asked for."
        )
    return seen, days


def past(
    tally: Tally, seen: Outlook, days: Sequence[date], steps: Sequence[Step], runs: int, *, force: bool = False
) -> None:
    """Rankings of past days and the metadata of tracks and artists that they bring."""
    conn = tally.conn
    there = set(seen.calendar) if seen.listed else {*seen.calendar, *days}
    here = set() if force else set(seen.here)
    if RANKING.name in tally.calls and seen.calendar:
        here.add(seen.calendar[-1])  # counted as the latest
    missing = [day for day in days if day in there and day not in here]
    tally.add(RANKING.name, len(missing) * seen.pages[0] if seen.listed else 0, len(missing) * seen.pages[1])
    if not missing:
        return
    low, high = _tracks_of(tally, seen, missing, here, force=force) if TRACK_METADATA.step in steps else (0, 0)
    if TRACK_METADATA.step in steps:
        due = costs.due_tracks_of_chart(conn, TRACK_METADATA.name, seen.chart.id, seen.newest_id) if seen.chart else 0
        _shared_out(tally, TRACK_METADATA, low, high + due, runs)
    if ARTIST_METADATA.step in steps:
        sample = costs.artist_sample(conn)
        few, many = turnover.artists(sample, low, high)
        due = sample.artists if force else costs.due_artists(conn, ARTIST_METADATA.name)
        _shared_out(tally, ARTIST_METADATA, few, many + due, runs)


def _tracks_of(
    tally: Tally, seen: Outlook, missing: Sequence[date], here: Collection[date], *, force: bool
) -> tuple[int, int]:
    """New tracks of these days, at the least and at the most."""
    conn = tally.conn
    low = high = 0.0
    for length, neighbours in outlook.stretches(sorted({*seen.calendar, *missing}), missing, here):
        alone = int(force or not neighbours)
        high += seen.places[1] * alone + seen.rate.high * (length - alone)
        if neighbours < 2 or force:
            low += seen.places[0] * alone + seen.rate.low * (length - alone)
    if not seen.listed:
        return 0, ceil(high)
    chart = seen.chart.id if seen.chart else None
    if not force and costs.other_charts_stored(conn, chart):
        known = costs.tracks_elsewhere(conn, chart, seen.tracks)
        low *= max(0.0, 1 - turnover.OTHER_TIMES * known / len(seen.tracks)) if seen.tracks else 0.0
    if not force:
        low = max(0.0, low - costs.loose_tracks(conn))
    return int(low), ceil(high)


def _shared_out(tally: Tally, resource: Metadata, low: int, high: int, runs: int) -> None:
    """Calls for so many things; each run rounds up by itself."""
    size = resource.per_call
    tally.add(resource.name, ceil(low / size), ceil(high / size) + min(runs - 1, high))
