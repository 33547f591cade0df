"""Followers and streams by city and country.

Cities appear about once a month for followers and once a week for streams. Country figures are sums of the listed
cities only, well below the global figure, and one city name may come twice: as in the real lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from simulator.artists import artist
from simulator.mixing import chance, mix, salt
from simulator.reference import CITIES, COUNTRIES
from simulator.series import listening_points

_EPOCH = date(2015, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class CityValue:
    """What one listed city counts."""

    city_name: str
    region: str | None
    country_code: str
    country_name: str
    value: int


@dataclass(frozen=True, slots=True)
class LocatedPoint:
    """A day's global value with the cities that are known for it (often none)."""

    day: date
    value: int
    cities: tuple[CityValue, ...]

    @property
    def countries(self) -> tuple[tuple[str, str, int], ...]:
        """Code, name and value of each country: the sum of its listed cities."""
        totals: dict[str, int] = {}
        for city in self.cities:
            totals[city.country_code] = totals.get(city.country_code, 0) + city.value
        return tuple((code, COUNTRIES[code], value) for code, value in totals.items())


def _cities(bits: int, total: int) -> tuple[CityValue, ...]:
    weights = [(mix(bits, index) >> 30) % 900 + 100 for index in range(len(CITIES))]
    whole = sum(weights) * 3
    return tuple(
        CityValue(name, region or None, country, COUNTRIES[country], total * weight // whole)
        for weight, (name, region, country, _) in zip(weights, CITIES, strict=True)
    )


def local_followers(seed: int, number: int, platform: str, first: date, last: date) -> list[LocatedPoint]:
    """Daily followers, oldest first; cities on the 15th of each month."""
    bits = mix(seed, number, salt(f"local followers {platform}"))
    if chance(bits, 0.05):
        return []
    base = int(10 ** (1 + 7 * artist(seed, number).fame))
    points = []
    for ordinal in range(max(first.toordinal(), _EPOCH), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        value = base + base * (ordinal - _EPOCH) // 9_000 + mix(bits, ordinal) % (base // 900 + 1)
        points.append(LocatedPoint(day, value, _cities(mix(bits, ordinal, 1), value) if day.day == 15 else ()))
    return points


def local_streaming(seed: int, number: int, platform: str, first: date, last: date) -> list[LocatedPoint]:
    """Weekly streams or listeners (Mondays), oldest first, always with cities."""
    mondays = (point for point in listening_points(seed, number, platform, first, last) if point.day.weekday() == 0)
    return [
        LocatedPoint(point.day, point.value, _cities(mix(seed ^ number, point.day.toordinal(), 7), point.value))
        for point in mondays
    ]
