"""Radio: which stations play a track or an artist, and how often.

Plays of a station up to a day are a plain linear count, so the plays of any window are a difference of two counts, and
single days always add up to the window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from simulator.mixing import chance, mix, pick, unit
from simulator.reference import CITIES, COUNTRIES
from simulator.tracks import track
from simulator.words import station_name

STATIONS = 599  # a prime, so that any stride visits all
_EPOCH = date(2015, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Station:
    """A radio station."""

    slug: str
    name: str
    country_code: str
    country_name: str
    city_name: str
    time_zone: str
    reach: int


@dataclass(frozen=True, slots=True)
class StationPlays:
    """How often one station played a track, or any of an artist, in the asked window (at least once)."""

    station: Station
    play_count: int


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One play on the radio."""

    aired_at: datetime
    duration: int
    station: Station


@lru_cache(maxsize=STATIONS * 4)
def station(seed: int, index: int) -> Station:
    """Station `index` of the world."""
    bits = mix(seed, index, 41)
    city, _, country, zone = pick(CITIES, bits)
    slug = f"station-{index:03d}-{country.lower()}"
    return Station(slug, station_name(bits, city), country, COUNTRIES[country], city, zone, 1000 * (5 + bits % 4000))


@lru_cache(maxsize=20_000)
def _rotation(seed: int, number: int) -> tuple[tuple[int, int, int], ...]:
    """The stations that play a track: index, plays in 1,000 days, offset."""
    return _stations(mix(seed, number, 42), 250)


@lru_cache(maxsize=20_000)
def _artist_rotation(seed: int, number: int) -> tuple[tuple[int, int, int], ...]:
    """The stations that play an artist's tracks, likewise."""
    return _stations(mix(seed, number, 43), 400)


def _stations(bits: int, most: int) -> tuple[tuple[int, int, int], ...]:
    if chance(mix(bits, 1), 0.05):
        return ()
    count = 1 + int(most * unit(mix(bits, 2)) ** 3)
    start, stride = mix(bits, 3) % STATIONS, 1 + mix(bits, 4) % (STATIONS - 1)
    return tuple(
        (
            (start + turn * stride) % STATIONS,
            8 + int(2500 * unit(mix(bits, turn, 5)) ** 4),
            mix(bits, turn, 6) % 1000,
        )
        for turn in range(count)
    )


def _plays_until(day: int, rate: int, offset: int) -> int:
    return (day * rate + offset) // 1000


def groups(seed: int, number: int, population: int, first: date, last: date) -> list[StationPlays]:
    """Stations that played a track from `first` to `last` (both included), most plays first."""
    released = track(seed, number, population).released
    return _counted(seed, _rotation(seed, number), max(first, released), last)


def artist_groups(seed: int, number: int, first: date, last: date) -> list[StationPlays]:
    """Stations that played an artist from `first` to `last` (both included), most plays first."""
    return _counted(seed, _artist_rotation(seed, number), first, last)


def _counted(seed: int, rotation: Sequence[tuple[int, int, int]], first: date, last: date) -> list[StationPlays]:
    begin, end = max(first.toordinal(), _EPOCH) - 1, last.toordinal()
    if end <= begin:
        return []
    counted = (
        (_plays_until(end, rate, offset) - _plays_until(begin, rate, offset), index) for index, rate, offset in rotation
    )
    ordered = sorted((row for row in counted if row[0]), key=lambda row: (-row[0], row[1]))
    return [StationPlays(station(seed, index), plays) for plays, index in ordered]


def broadcasts(seed: int, number: int, population: int, first: date, last: date) -> Iterator[Broadcast]:
    """Every play from `first` to `last`, day by day, oldest first within neither day nor station."""
    made = track(seed, number, population)
    begin = max(first.toordinal(), made.released.toordinal(), _EPOCH)
    for day in range(begin, last.toordinal() + 1):
        for index, rate, offset in _rotation(seed, number):
            for turn in range(_plays_until(day, rate, offset) - _plays_until(day - 1, rate, offset)):
                second = mix(seed ^ number, day * STATIONS + index, turn) % 86_400
                aired = datetime.combine(date.fromordinal(day), time(), UTC) + timedelta(seconds=second)
                yield Broadcast(aired, made.duration or 180, station(seed, index))
