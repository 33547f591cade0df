"""Identifiers that carry what they name: uuids, ISRCs and platform identifiers, made and read back without a table.

A track is a number of 36 bits (pool, slot, generation; see `rankings`), an artist a number below 2**36. An
identifier hides that number behind a checksum of the seed, so a made-up identifier is recognised as unknown.
"""

from __future__ import annotations

import re
from functools import lru_cache

from simulator.mixing import mix, salt

TRACK, ARTIST, ALBUM = 1, 2, 3
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE36 = _LETTERS[:36]
_LOW62 = (1 << 62) - 1
_ODD64 = 0x9E3779B97F4A7C15
_ODD36 = 0x5DEECE66D | 1
_ISRC_COUNTRIES = ("US", "GB", "FR", "DE", "SE", "BR", "JP", "KR", "MX", "NG", "QZ", "AU")


@lru_cache(maxsize=200_000)
def uuid_of(seed: int, kind: int, number: int) -> str:
    """The uuid (version 4 in looks) of entity `number` of `kind`."""
    plain = kind << 58 | number
    check = mix(seed, plain, 1) >> 4
    head = f"{check:015x}"
    tail = f"{1 << 63 | plain ^ (mix(seed, check, 2) >> 2):016x}"
    return f"{head[:8]}-{head[8:12]}-4{head[12:]}-{tail[:4]}-{tail[4:]}"


@lru_cache(maxsize=200_000)
def number_of(seed: int, kind: int, uuid: str) -> int | None:
    """The entity's number, or None when this seed never made such a uuid of that kind."""
    if not _UUID.fullmatch(uuid):
        return None
    digits = uuid.replace("-", "")
    check = int(digits[:12] + digits[13:16], 16)
    plain = (int(digits[16:], 16) & _LOW62) ^ (mix(seed, check, 2) >> 2)
    if plain >> 58 != kind or mix(seed, plain, 1) >> 4 != check:
        return None
    return plain & ((1 << 58) - 1)


def isrc_of(seed: int, number: int) -> str:
    """The track's ISRC: country, registrant, year and designation, 12 characters."""
    value = (number * _ODD36 + mix(seed, 3)) % (1 << 36)
    registrant, rest = divmod(value, 10**7)
    letters = "".join(_BASE36[registrant // 36**power % 36] for power in (2, 1, 0))
    return f"{_ISRC_COUNTRIES[mix(seed, number, 4) % len(_ISRC_COUNTRIES)]}{letters}{rest:07d}"


def number_of_isrc(seed: int, isrc: str) -> int | None:
    """The track that has this ISRC, or None."""
    if not re.fullmatch(r"[A-Z]{2}[0-9A-Z]{3}[0-9]{7}", isrc):
        return None
    value = int(isrc[2:5], 36) * 10**7 + int(isrc[5:])
    number = (value - mix(seed, 3)) * pow(_ODD36, -1, 1 << 36) % (1 << 36)
    return number if isrc_of(seed, number) == isrc else None


def identifier_of(seed: int, platform: str, number: int, release: int) -> str:
    """A platform's identifier of a track's release (0 to 2): 22 letters on spotify, digits on shazam, else 11."""
    plain = number << 2 | release
    if platform == "shazam":
        return str((plain * _ODD36 + mix(seed, 5)) % (1 << 38))
    bits = mix(seed, salt(platform), plain)
    value = ((bits >> 40) << 38 | plain) * _ODD64 % (1 << 64)
    tail = "".join(_LETTERS[value // 62**power % 62] for power in range(10, -1, -1))
    if platform != "spotify":
        return tail
    return "".join(_LETTERS[bits // 62**power % 62] for power in range(10, -1, -1)) + tail


def number_of_identifier(seed: int, platform: str, identifier: str) -> int | None:
    """The track behind a platform's identifier, or None."""
    if platform == "shazam":
        if not re.fullmatch(r"[0-9]{1,12}", identifier):
            return None
        plain = (int(identifier) - mix(seed, 5)) * pow(_ODD36, -1, 1 << 38) % (1 << 38)
    else:
        if not re.fullmatch(r"[0-9A-Za-z]{11}|[0-9A-Za-z]{22}", identifier):
            return None
        value = 0
        for letter in identifier[-11:]:
            value = value * 62 + _LETTERS.index(letter)
        plain = value * pow(_ODD64, -1, 1 << 64) % (1 << 64) & ((1 << 38) - 1)
    number, release = plain >> 2, plain & 3
    return number if identifier_of(seed, platform, number, release) == identifier else None
