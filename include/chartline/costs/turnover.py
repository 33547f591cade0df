"""How many new tracks and artists a chart's days bring, from below and above: pure arithmetic.

Nothing that a chart did says what it did on another day, so each answer is a range: counts are taken as random
(Poisson, two standard deviations), and other times may be livelier or calmer by `OTHER_TIMES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt

from chartline.warehouse.reads.costs import ArtistSample, RankingSample

PERIODS = (1, 2, 3, 5, 7)
"""The chart's own days for which `RankingSample.newcomers` are counted."""

ENOUGH = 15
"""Newcomers above which their number says something."""

OTHER_TIMES = 1.15
GONE_AGAIN = 1.25
"""Tracks that came and went within the counted days are not seen on the last of them."""

USUAL_TURNOVER = {"daily": (0.005, 0.15), "weekly": (0.03, 0.5), "monthly": (0.1, 0.8)}
"""New tracks per place and ranking where nothing of a chart is known."""

USUAL_ARTISTS = (0.3, 1.8)
"""Distinct artists per track of one ranking where nothing is known."""

MANY_TRACKS = 30
"""Tracks from which the warehouse's own artists say something."""


@dataclass(frozen=True)
class Rate:
    """New tracks per ranking."""

    low: float
    high: float


def rate(rankings: Sequence[RankingSample], frequency: str, places: int) -> Rate:
    """From the newest stored rankings (newest first), else what is usual for a chart of `places` tracks."""
    told = [r for r in rankings if r.dated]
    if not told:
        low, high = USUAL_TURNOVER.get(frequency, (0.005, 0.8))
        return Rate(low * places, high * places)
    count, exposure, _ = _newcomers(told, 2 * ENOUGH)  # what is missed here only makes it less
    least = max(count - 2 * sqrt(count), 0) / exposure / OTHER_TIMES
    count, exposure, missed = _newcomers(told, ENOUGH)
    most = (count + 2 * sqrt(count + 1) + 2) / exposure * missed * OTHER_TIMES
    return Rate(min(least, most, places), min(most, places))


def _newcomers(told: Sequence[RankingSample], enough: int) -> tuple[int, int, float]:
    """New tracks, in how many rankings, and by what factor they may be more.

    Of all rankings together; where these are few, those who came within the fewest days of the newest that are enough.
    """
    count = sum(ranking.newcomers[0] for ranking in told)
    if count >= enough or len(told) >= PERIODS[-1]:
        return count, len(told), 1.0
    within = list(zip(told[0].newcomers, PERIODS, strict=True))
    came, days = next((pair for pair in within if pair[0] >= enough), within[-1])
    return came, days, GONE_AGAIN


def artists(sample: ArtistSample, low_tracks: int, high_tracks: int) -> tuple[int, int]:
    """Artists that so many further tracks bring and that are not known yet.

    From above: the share of links that led to an artist met only once is the chance that the next link leads to a new
    one (Good and Turing), and it only falls. From below: the artists never met are at least once² / (2 twice) (Chao),
    met one by one. A third of the one, more than the other, as tracks of another time are not drawn from the same lot.
    """
    if sample.tracks < MANY_TRACKS or not sample.links:
        return 0, ceil(high_tracks * USUAL_ARTISTS[1])
    per_track = sample.links / sample.tracks
    chance = min(1.0, (sample.once + 2 * sqrt(sample.once + 1)) / sample.links)
    high = ceil(high_tracks * per_track * min(1.0, chance * OTHER_TIMES))
    never_met = sample.once * max(sample.once - 1, 0) / (2 * (sample.twice + 1))
    if not never_met or not sample.once:
        return 0, high
    missed = 1 - sample.once / (sample.links * never_met + sample.once)
    low = floor(never_met * (1 - missed ** (low_tracks * per_track)) / 3)
    return min(low, high), high
