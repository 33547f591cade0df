"""The checks of the data: each with how bad it is, what it finds, in words, and what its owner does about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from chartline.warehouse import checks
from chartline.warehouse.checks import Noticed, SeriesItem, Severity
from chartline.warehouse.connect import Connection
from chartline.wording import counted

LOOK_BACK = 100
"""Days of a series that are looked at when it was fetched: as many as a first fetch brings."""
STOPPED = 5
"""Days without a value after which a series ended."""


@dataclass(frozen=True, kw_only=True)
class DataCheck:
    """What all have. `said`: a finding in one sentence, from its facts; `passes`: it is about something that happened
    once and stays true, so that it is closed after a while."""

    name: str
    severity: Severity
    meaning: str
    advice: str
    said: Callable[[dict[str, Any]], str]
    passes: bool = False


@dataclass(frozen=True, kw_only=True)
class RankingCheck(DataCheck):
    """Of rankings, by their ids."""

    find: Callable[[Connection, Sequence[int]], list[Noticed]]


@dataclass(frozen=True, kw_only=True)
class SeriesCheck(DataCheck):
    """Of series that were fetched."""

    find: Callable[[Connection, Sequence[SeriesItem]], list[Noticed]]


FETCH_AGAIN = (
    "Fetch the day again: chartline.chart_cascade with the day and Fetch again. If it comes back the same, look at "
    "its raw answer, and accept the finding where Soundcharts has it so."
)
LOOK = (
    "Look at the chart's page and at Soundcharts' own site for that day. If it is so there, accept the finding; else "
    "fetch the day again with chartline.chart_cascade and Fetch again."
)
REPLAY = (
    "Look at a raw answer of it and at chartline drift: if the field has another name now, the model of the answer "
    "needs a change; then chartline replay reads the kept answers again without a call."
)

CHECKS: tuple[RankingCheck | SeriesCheck, ...] = (
    RankingCheck(
        name="total",
        severity="error",
        meaning="A ranking holds fewer or more entries than it was stored with.",
        advice=f"Something beside Chartline changed the table. {FETCH_AGAIN}",
        said=lambda facts: f"{counted(facts['stored'], 'entry', 'entries')} stored, {facts['expected']:,} expected",
        find=checks.wrong_totals,
    ),
    RankingCheck(
        name="missing_positions",
        severity="error",
        meaning="A ranking names a position that is above its number of entries: some in between are missing.",
        advice=FETCH_AGAIN,
        said=lambda facts: f"the last position is {facts['last']:,}, of {counted(facts['stored'], 'entry', 'entries')}",
        find=checks.missing_positions,
    ),
    RankingCheck(
        name="doubled_tracks",
        severity="warning",
        meaning="A ranking has a track at more than one position.",
        advice=FETCH_AGAIN,
        said=lambda facts: f"{counted(facts['tracks'], 'track')} at two positions, such as {facts['example']}",
        find=checks.doubled_tracks,
    ),
    RankingCheck(
        name="turnover",
        severity="warning",
        meaning="A ranking has far more new tracks than the chart's others nearby.",
        advice=LOOK,
        said=lambda facts: f"{facts['arrived']:,} of {facts['entries']:,} tracks are new; usual are {facts['usual']} %",
        find=checks.much_turnover,
        passes=True,
    ),
    RankingCheck(
        name="length",
        severity="warning",
        meaning="A ranking is less than half, or more than twice, as long as the chart's others nearby.",
        advice=LOOK,
        said=lambda facts: f"{counted(facts['entries'], 'entry', 'entries')}; usual are {facts['usual']:,}",
        find=checks.odd_lengths,
        passes=True,
    ),
    RankingCheck(
        name="nulls",
        severity="warning",
        meaning="A field is empty for half of a ranking or more, which it hardly ever is on other days of the chart.",
        advice=REPLAY,
        said=lambda facts: f"{facts['field']} is empty for {facts['share']} %; usual are {facts['usual']} %",
        find=checks.many_nulls,
    ),
    RankingCheck(
        name="contradiction",
        severity="warning",
        meaning="A ranking and the one before it, as stored, disagree about where tracks were the time before.",
        advice="One of the two days is not what the chart showed. Fetch both again: chartline.chart_cascade with the "
        "days and Fetch again. If they come back the same, accept the finding.",
        said=lambda facts: f"{facts['tracks']:,} of {facts['entries']:,} tracks were elsewhere on {facts['earlier']}",
        find=checks.contradictions,
    ),
    RankingCheck(
        name="calendar",
        severity="warning",
        meaning="A ranking is stored of a day that the calendar does not list, or lists by another stamp.",
        advice="Run chartline.gap_audit, which reads the calendar again. If the day is still not listed, Soundcharts "
        "took it back: compare it with their site, and accept the finding where it is right.",
        said=lambda facts: f"stored as {facts['stamp']}, listed as {facts['listed'] or 'nothing'}",
        find=checks.not_in_calendar,
    ),
    SeriesCheck(
        name="falling_counts",
        severity="warning",
        meaning="Totals that can only grow, such as streams and views, fell by a twentieth or more within a day, in a "
        "tenth of a platform's series.",
        advice="Often the platform took false plays back, or an identifier of the track changed. Compare an example "
        "with Soundcharts' site. Gains of these days are too low; the values themselves are as Soundcharts gives them.",
        said=lambda facts: (
            f"{facts['series']:,} of {counted(facts['of'], 'series', 'series')}, such as " + facts["example"]
        ),
        find=partial(checks.falling_counts, days=LOOK_BACK),
        passes=True,
    ),
    SeriesCheck(
        name="stopped_series",
        severity="warning",
        meaning="Most series of a platform have no value of late, though they were fetched and have values of before.",
        advice="See whether Soundcharts reports trouble with the platform. Nothing is lost: the days are asked for "
        "again with every fetch until they come.",
        said=lambda facts: f"{facts['series']:,} of {counted(facts['of'], 'series', 'series')} end by {facts['last']}",
        find=partial(checks.stopped_series, days=STOPPED),
    ),
    SeriesCheck(
        name="doubled_airplay",
        severity="error",
        meaning="Plays of the same days are counted in two windows of a track or artist.",
        advice="Sums of plays are too high from that day on. chartline replay --resource with the table's name reads "
        "the windows again; please report it.",
        said=lambda facts: f"{counted(facts['things'], 'thing')} from {facts['first']} on, such as {facts['example']}",
        find=checks.doubled_airplay,
        passes=True,
    ),
)

BY_NAME = {check.name: check for check in CHECKS}
