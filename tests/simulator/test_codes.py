from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import codes

SEEDS = st.integers(0, 2**32)
NUMBERS = st.integers(0, 2**36 - 1)
KINDS = st.sampled_from([codes.TRACK, codes.ARTIST, codes.ALBUM])


@settings(deadline=None)
@given(SEEDS, KINDS, NUMBERS)
def test_a_uuid_leads_back_to_its_number_and_only_as_its_kind(seed: int, kind: int, number: int) -> None:
    uuid = codes.uuid_of(seed, kind, number)
    assert codes.number_of(seed, kind, uuid) == number
    assert all(codes.number_of(seed, other, uuid) is None for other in (1, 2, 3) if other != kind)
    assert codes.number_of(seed + 1, kind, uuid) is None


@settings(deadline=None)
@given(SEEDS, NUMBERS)
def test_an_isrc_leads_back_to_its_number(seed: int, number: int) -> None:
    isrc = codes.isrc_of(seed, number)
    assert len(isrc) == 12
    assert codes.number_of_isrc(seed, isrc) == number


@settings(deadline=None)
@given(SEEDS, st.sampled_from(["spotify", "youtube", "shazam", "tiktok"]), NUMBERS, st.integers(0, 2))
def test_an_identifier_leads_back_to_its_track(seed: int, platform: str, number: int, release: int) -> None:
    identifier = codes.identifier_of(seed, platform, number, release)
    assert codes.number_of_identifier(seed, platform, identifier) == number


@pytest.mark.parametrize(
    "uuid", ["", "x", "7d534228-5165-11e9-9375-549f35161576", "00000000-0000-4000-8000-000000000000"]
)
def test_a_uuid_that_was_never_made_is_unknown(uuid: str) -> None:
    assert codes.number_of(1, codes.TRACK, uuid) is None
