"""The endpoint table, and how its paths are filled."""

from __future__ import annotations

import string
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartline.errors import BadInput
from chartline.soundcharts import endpoints
from chartline.soundcharts.endpoints import ENDPOINTS, SONG, SONG_AUDIENCE, TEAM_USAGE, Endpoint

UUID = "7D534228-5165-11e9-9375-549f35161576"


def test_the_table_holds_every_constant_under_its_name() -> None:
    constants = {
        name.lower(): value for name, value in vars(endpoints).items() if isinstance(value, endpoints.Endpoint)
    }
    assert constants == ENDPOINTS


def test_batches_pages_and_cost() -> None:
    assert {name for name, endpoint in ENDPOINTS.items() if endpoint.batch > 1} == {"song", "artist"}
    assert {endpoint.batch for endpoint in ENDPOINTS.values()} == {1, 10}
    assert [endpoint for endpoint in ENDPOINTS.values() if endpoint.free] == [TEAM_USAGE]
    assert {endpoint.page_limit for endpoint in ENDPOINTS.values()} == {0, 100}


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_every_path_is_versioned_and_has_known_parts_only(endpoint: Endpoint) -> None:
    parts = {name for _, name, _, _ in string.Formatter().parse(endpoint.path) if name}
    assert parts <= {"entity", "facet"}
    assert endpoint.path.startswith("/api/v2")
    assert "{" not in endpoint.fill("an-entity", "a-facet")


PARTS = st.text(min_size=1, max_size=40).filter(lambda part: part not in (".", "..") and "," not in part)


@given(PARTS.filter(lambda part: part.isprintable()), PARTS.filter(lambda part: part.isprintable()))
def test_parts_stay_in_their_place_and_can_be_read_back(entity: str, facet: str) -> None:
    _, _, _, song, got_entity, audience, got_facet = SONG_AUDIENCE.fill(entity, facet).split("/")
    assert (song, audience) == ("song", "audience")
    assert (unquote(got_entity), unquote(got_facet)) == (entity, facet)
    assert not set(got_entity + got_facet) & set("?#+ ")


@pytest.mark.parametrize(
    ("entity", "facet", "field"),
    [("", "spotify", "entity"), (UUID, "", "facet"), ("..", "spotify", "entity"), (UUID, ".", "facet")],
)
def test_a_part_that_is_missing_or_climbs_is_refused(entity: str, facet: str, field: str) -> None:
    with pytest.raises(BadInput) as refused:
        SONG_AUDIENCE.fill(entity, facet)
    assert refused.value.field == field


def test_a_batch_is_a_comma_list_of_at_most_ten() -> None:
    assert SONG.fill(",".join([UUID] * 10)).count(",") == 9
    with pytest.raises(BadInput, match="at most 10"):
        SONG.fill(",".join([UUID] * 11))
    with pytest.raises(BadInput, match="at most 1 "):
        SONG_AUDIENCE.fill(f"{UUID},{UUID}", "spotify")
