"""Audience series of tracks and artists: dated values in closed form, so that a window costs its own length only.

Real series have gaps, repeats, several identifiers a day and falls; all of that is here, as truth and not as fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from simulator.artists import artist
from simulator.codes import identifier_of
from simulator.mixing import chance, mix, salt, unit
from simulator.reference import ARTIST_AUDIENCE, LISTENING, SONG_AUDIENCE
from simulator.tracks import track

_EPOCH = date(2015, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class SongPoint:
    """One day of a track on a platform: total to date of each identifier crawled that day (perhaps of none)."""

    day: date
    plots: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ArtistPoint:
    """One crawl of an artist on a platform; counters that the platform does not have are None."""

    day: date
    like_count: int | None
    follower_count: int
    following_count: int | None
    post_count: int | None
    view_count: int | None


@dataclass(frozen=True, slots=True)
class ValuePoint:
    """One day of a series with a single value."""

    day: date
    value: int


@dataclass(frozen=True, slots=True)
class _SongCurve:
    since: int
    salt: int
    scale: int
    identifiers: tuple[tuple[str, int, int], ...]
    """Identifier, its share in percent, its first day."""
    remaps: bool


@lru_cache(maxsize=50_000)
def _song_curve(seed: int, number: int, population: int, platform: str) -> _SongCurve | None:
    """How a track grows on a platform; None when the platform has nothing for it."""
    made = track(seed, number, population)
    bits = mix(seed, number, salt(platform))
    if chance(bits, 0.03):
        return None
    since = max(made.released.toordinal(), _EPOCH)
    fame = 6_000_000_000 + 200_000_000_000 * (made.fame - 0.97) if made.fame > 0.97 else 10 ** (4.5 + 4.6 * made.fame)
    roll = mix(bits, 1) % 20
    shares = (100,) if roll < 16 else (70, 30) if roll < 19 else (55, 30, 15)
    return _SongCurve(
        since=since,
        salt=mix(bits, 2),
        scale=max(100, int(fame * SONG_AUDIENCE[platform])),
        identifiers=tuple(
            (identifier_of(seed, platform, number, turn), share, since + (mix(bits, turn, 3) % 400 if turn else 0))
            for turn, share in enumerate(shares)
        ),
        remaps=chance(mix(bits, 4), 0.06),
    )


def song_points(seed: int, number: int, population: int, platform: str, first: date, last: date) -> list[SongPoint]:
    """A track's days from `first` to `last`, oldest first: totals to date, with missing days, repeats and falls."""
    curve = _song_curve(seed, number, population, platform)
    if curve is None:
        return []
    points = []
    for day in range(max(first.toordinal(), curve.since), last.toordinal() + 1):
        bits = mix(curve.salt, day)
        if bits % 43 == 0:
            continue
        points.append(SongPoint(date.fromordinal(day), () if bits % 67 == 1 else _plots(curve, day, bits)))
    return points


def _plots(curve: _SongCurve, day: int, bits: int) -> tuple[tuple[str, int], ...]:
    total = _song_total(curve, day - 1 if bits % 29 == 2 and day > curve.since else day)
    several = len(curve.identifiers) > 1
    return tuple(
        (identifier, total * share // 100)
        for turn, (identifier, share, since) in enumerate(curve.identifiers)
        if day >= since and not (several and (bits >> (9 * turn + 12)) % 11 == 0)
    )


def _song_total(curve: _SongCurve, day: int) -> int:
    """Saturating growth plus a steady part; noise stays below the steady part, so only a re-mapping makes it fall."""
    age = day - curve.since
    steady = curve.scale // 20_000 + 1
    total = curve.scale * age // (age + 600) + steady * age + (mix(curve.salt, day, 5) >> 20) % (steady // 2 + 1)
    if curve.remaps and (day + curve.salt) % 300 >= 210:
        return total // 2
    return total


def _cadence(followers: int) -> int:
    """Days between crawls: the smaller the artist, the rarer (the vendor's own bands)."""
    bands = ((100_000, 1), (5_000, 2), (500, 3), (150, 5), (10, 7))
    return next((days for least, days in bands if followers >= least), 15)


@lru_cache(maxsize=50_000)
def _artist_curve(seed: int, number: int, platform: str, share: float) -> tuple[int, int, int, int] | None:
    """Salt, base, yearly growth in permille and days between crawls; None when the artist is not on the platform."""
    bits = mix(seed, number, salt(f"artist {platform}"))
    if chance(bits, 0.04):
        return None
    base = int(10 ** (0.8 + 7.4 * artist(seed, number).fame) * share) + 1
    return mix(bits, 1), base, mix(bits, 2) % 400 - 40, _cadence(base)


def _artist_value(curve: tuple[int, int, int, int], day: int) -> int:
    mixed, base, growth, _ = curve
    steady = base + base * growth * (day - _EPOCH) // 365_000
    return max(0, steady) + (mix(mixed, day, 1) >> 20) % (base // 800 + 1)


def artist_points(seed: int, number: int, platform: str, first: date, last: date) -> list[ArtistPoint]:
    """An artist's crawls from `first` to `last`, oldest first."""
    share, extra = ARTIST_AUDIENCE[platform]
    curve = _artist_curve(seed, number, platform, share)
    if curve is None:
        return []
    mixed, _, _, cadence = curve
    points = []
    for day in range(max(first.toordinal(), _EPOCH), last.toordinal() + 1):
        if (day + mixed) % cadence:
            continue
        bits = mix(mixed, day)
        if bits % 23 == 0:
            continue
        followers = _artist_value(curve, day)
        points.append(
            ArtistPoint(
                day=date.fromordinal(day),
                like_count=followers * 9 + bits % 50 if "like" in extra else None,
                follower_count=followers,
                following_count=bits % 7 + mixed % 900 if "following" in extra else None,
                post_count=(day - _EPOCH) // (2 + mixed % 9) if "post" in extra and bits % 17 else None,
                view_count=followers * (300 + mixed % 3000) + (day - _EPOCH) * 40 if "view" in extra else None,
            )
        )
    return points


def listening_points(seed: int, number: int, platform: str, first: date, last: date) -> list[ValuePoint]:
    """An artist's listeners (of 28 days; views on youtube) from `first` to `last`, oldest first."""
    curve = _artist_curve(seed, number, f"listening {platform}", LISTENING[platform])
    if curve is None:
        return []
    points = []
    for day in range(max(first.toordinal(), _EPOCH), last.toordinal() + 1):
        if mix(curve[0], day) % 37:
            wave = 1 + 0.2 * unit(mix(curve[0], day // 28))
            points.append(ValuePoint(date.fromordinal(day), int(_artist_value(curve, day) * wave)))
    return points
