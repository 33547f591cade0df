"""Tracks and their metadata, with values missing as in real metadata."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from simulator.artists import GenreList, artist, artists_of_track, genres_of
from simulator.codes import TRACK, isrc_of, uuid_of
from simulator.mixing import chance, mix, pick, unit
from simulator.rankings import first_day_of
from simulator.reference import COUNTRIES, DISTRIBUTORS, LANGUAGES
from simulator.words import label_group, label_name, person_name, track_name

_SHARES = ("acousticness", "danceability", "energy", "instrumentalness", "liveness", "speechiness", "valence")


@dataclass(frozen=True, slots=True)
class Isrc:
    """An ISRC and the country it was registered in."""

    value: str
    country_code: str
    country_name: str


@dataclass(frozen=True, slots=True)
class Track:
    """What the API tells of a track; None or empty where it knows nothing. `released` and `fame` steer the series."""

    number: int
    uuid: str
    name: str
    isrc: Isrc | None
    iswcs: tuple[str, ...]
    credit_name: str | None
    artist_numbers: tuple[int, ...]
    artist_uuids: tuple[str, ...]
    main_artist_uuids: tuple[str, ...] | None
    """None where the API does not say who is a main artist."""
    release_date: date | None
    copyright: str | None
    app_url: str
    image_url: str | None
    preview_url: str | None
    duration: int | None
    explicit: bool
    genres: GenreList
    composers: tuple[str, ...]
    producers: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    audio: dict[str, float | int | None] | None
    language_code: str | None
    distributor: str | None
    released: date
    fame: float
    release_date_precision: str | None
    """How far the release date is known: `day`, `month` or `year`; None without a date."""


def _audio(bits: int) -> dict[str, float | int | None] | None:
    """Audio features: sometimes none at all, sometimes single ones unknown."""
    if chance(mix(bits, 1), 0.06):
        return None
    values: dict[str, float | int | None] = {
        name: round(unit(mix(bits, turn, 2)), 2) for turn, name in enumerate(_SHARES)
    }
    values |= {
        "key": mix(bits, 3) % 13 - 1,
        "loudness": round(-1.5 - 14 * unit(mix(bits, 4)), 2),
        "mode": mix(bits, 5) % 2,
        "tempo": round(60 + 130 * unit(mix(bits, 6)), 2),
        "timeSignature": pick((4, 4, 4, 3, 5), mix(bits, 7)),
    }
    if chance(mix(bits, 8), 0.08):
        for name in ("key", "mode", "valence")[: 1 + bits % 3]:
            values[name] = None
    return {name: values[name] for name in sorted(values)}


def _labels(bits: int) -> tuple[tuple[str, str], ...]:
    count = pick((0, 1, 1, 1, 1, 2, 2), mix(bits, 1))
    names = {label_name(mix(bits, turn, 2)): None for turn in range(count)}
    return tuple((name, label_group(_spread(name))) for name in names)


def _spread(text: str) -> int:
    return mix(sum(ord(letter) * (place + 1) for place, letter in enumerate(text)))


def _people(bits: int, most: int) -> tuple[str, ...]:
    return tuple({person_name(mix(bits, turn)): None for turn in range(bits % (most + 1))})


def _isrc(seed: int, number: int, bits: int) -> Isrc | None:
    if chance(mix(bits, 30), 0.03):
        return None
    value = isrc_of(seed, number)
    return Isrc(value, value[:2], COUNTRIES[value[:2]])


@lru_cache(maxsize=50_000)
def track(seed: int, number: int, population: int) -> Track:
    """Track `number` of the world, whose artists come from a population of that many."""
    uuid = uuid_of(seed, TRACK, number)
    bits = mix(seed, number, 31)
    fame = unit(mix(bits, 1))
    evergreen = fame > 0.97
    known = first_day_of(seed, number)
    lead = 1500 + bits % 1500 if evergreen else int(900 * unit(mix(bits, 2)) ** 4)
    released = known - timedelta(days=lead)
    artists = artists_of_track(seed, number, population)
    names = [artist(seed, one).name for one in artists] + (
        [person_name(mix(bits, 3))] if mix(bits, 4) % 12 == 0 else []
    )
    labels = _labels(mix(bits, 5))
    undated = chance(mix(bits, 9), 0.04)
    return Track(
        number=number,
        uuid=uuid,
        name=track_name(mix(bits, 6)),
        isrc=_isrc(seed, number, bits),
        iswcs=(f"T{mix(bits, 7) % 10**10:010d}",) if mix(bits, 8) % 4 == 0 else (),
        credit_name=" & ".join(names) or None,
        artist_numbers=artists,
        artist_uuids=tuple(artist(seed, one).uuid for one in artists),
        main_artist_uuids=tuple(artist(seed, one).uuid for one in artists[:1]) if mix(bits, 22) % 10 > 2 else None,
        release_date=None if undated else released,
        release_date_precision=None if undated else "day",
        copyright=f"℗ {released.year} {labels[0][0]}" if labels and mix(bits, 10) % 10 else None,
        app_url=f"https://app.soundcharts.example/app/song/{uuid}/overview",
        image_url=None if chance(mix(bits, 11), 0.02) else f"https://assets.soundcharts.example/song/{uuid}.jpg",
        preview_url=f"https://assets.soundcharts.example/preview/{uuid}.mp3" if mix(bits, 12) % 3 else None,
        duration=None if chance(mix(bits, 13), 0.02) else 95 + mix(bits, 14) % 230,
        explicit=mix(bits, 15) % 4 == 0,
        genres=genres_of(mix(bits, 16), 3),
        composers=_people(mix(bits, 17), 4),
        producers=_people(mix(bits, 18), 3),
        labels=labels,
        audio=_audio(mix(bits, 19)),
        language_code=pick(LANGUAGES, mix(bits, 20)) or None,
        distributor=pick(DISTRIBUTORS, mix(bits, 21)) or None,
        released=released,
        fame=fame,
    )
