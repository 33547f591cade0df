"""Artists: a population that tracks draw from, the famous ones more often."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from simulator.codes import ARTIST, uuid_of
from simulator.mixing import chance, mix, pick, some, unit
from simulator.reference import CAREER_STAGES, CITIES, COUNTRIES, GENRES, GROWTH_LEVELS
from simulator.words import artist_name

GenreList = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Artist:
    """What the API tells of an artist; None where it knows nothing. `fame` (0..1) only steers the made-up series."""

    number: int
    uuid: str
    slug: str
    name: str
    app_url: str
    image_url: str | None
    web_url: str | None
    country_code: str | None
    city_name: str | None
    genres: GenreList
    biography: str | None
    isni: str | None
    ipi: str | None
    gender: str | None
    type: str | None
    birth_date: date | None
    career_stage: str | None
    growth_level: str | None
    fame: float
    birth_date_precision: str | None
    """How far the birth date is known: `day`, `month` or `year`; None without a date."""


def slug_of(name: str) -> str:
    """A name as the API writes it in addresses."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def genres_of(bits: int, most: int) -> GenreList:
    """Up to `most` genres, each a root with subgenres (which often repeat the root, and may be empty)."""
    roots = some(tuple(GENRES), mix(bits, 1) % (most + 1), mix(bits, 2))
    if mix(bits, 3) % 7 == 0:
        return tuple((root, ()) for root in roots)
    return tuple(
        (root, some(GENRES[root], 1 + mix(bits, turn, 4) % 2, mix(bits, turn, 5))) for turn, root in enumerate(roots)
    )


def _biography(bits: int, name: str) -> str | None:
    if mix(bits, 20) % 5 == 0:
        return None
    origin = pick(CITIES, mix(bits, 21))[0]
    return (
        f'<p>{name.replace("&", "&amp;")} comes from <a href="https://example.org/wiki/{slug_of(origin)}">{origin}</a>'
        f" &amp; has played since {1985 + bits % 38}.</p>\n<p>Known for “live” shows, <em>late</em> ones.</p>"
    )


@lru_cache(maxsize=50_000)
def artist(seed: int, number: int) -> Artist:
    """Artist `number` of the world."""
    uuid = uuid_of(seed, ARTIST, number)
    bits = mix(seed, number, 21)
    name = artist_name(mix(bits, 1))
    person = mix(bits, 2) % 3 > 0
    fame = unit(mix(bits, 3))
    plain = slug_of(name)
    slug = uuid if not plain or chance(mix(bits, 4), 0.03) else f"{plain}-{number}"
    year = 1950 + bits % 56
    dated = person and mix(bits, 19) % 4 > 0
    return Artist(
        number=number,
        uuid=uuid,
        slug=slug,
        name=name,
        app_url=f"https://app.soundcharts.example/app/artist/{slug}/overview",
        image_url=None if chance(mix(bits, 5), 0.03) else f"https://assets.soundcharts.example/artist/{uuid}.jpg",
        web_url=None if chance(mix(bits, 6), 0.3) else f"https://soundcharts.example/artist/{slug}",
        country_code=None if chance(mix(bits, 7), 0.08) else pick(tuple(COUNTRIES)[1:-5], mix(bits, 8)),
        city_name=None if chance(mix(bits, 9), 0.4) else pick(CITIES, mix(bits, 10))[0],
        genres=genres_of(mix(bits, 11), 3),
        biography=_biography(bits, name),
        isni=None if chance(mix(bits, 12), 0.3) else f"{mix(bits, 13) % 10**16:016d}",
        ipi=None if chance(mix(bits, 14), 0.5) else f"{mix(bits, 15) % 10**11:011d}",
        gender=pick(("male", "female", "other"), mix(bits, 16)) if person and mix(bits, 17) % 6 else None,
        type=None if chance(mix(bits, 18), 0.04) else ("person" if person else "group"),
        birth_date=date(year, 1 + bits % 12, 1 + (bits >> 9) % 28) if dated else None,
        birth_date_precision="day" if dated else None,
        career_stage=None
        if chance(mix(bits, 22), 0.06)
        else CAREER_STAGES[int((1 - fame) * len(CAREER_STAGES) * 0.999)],
        growth_level=None if chance(mix(bits, 23), 0.15) else pick(GROWTH_LEVELS, mix(bits, 24)),
        fame=fame,
    )


def artists_of_track(seed: int, track: int, population: int) -> tuple[int, ...]:
    """Numbers of a track's 0 to 4 artists (3 % of tracks have none)."""
    bits = mix(seed, track, 22)
    share = unit(bits)
    count = 0 if share < 0.03 else 1 if share < 0.58 else 2 if share < 0.85 else 3 if share < 0.96 else 4
    chosen: dict[int, None] = {}
    turn = 0
    while len(chosen) < min(count, population):
        chosen[int(population * unit(mix(bits, turn, 1)) ** 1.6)] = None
        turn += 1
    return tuple(chosen)
