"""What holds for every entry of the registry."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from chartline.cascade import resources
from chartline.cascade.planning import asks
from chartline.cascade.resources import RESOURCES, Metadata, Resource, Series
from chartline.domain import platforms
from chartline.domain.asks import STEPS, CascadeAsk
from chartline.settings import Settings
from chartline.soundcharts.endpoints import ENDPOINTS
from chartline.warehouse.ledger import Item
from chartline.warehouse.tables import MERGED

SETTINGS = Settings()
ALL_ON = Settings(artist_cities=True)
TODAY = date(2026, 11, 20)
EVERYTHING = CascadeAsk(
    chart="c", track_platforms=platforms.TRACK_PLATFORMS, artist_platforms=platforms.ARTIST_PLATFORMS
)

each = pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
each_series = pytest.mark.parametrize("series", [r for r in RESOURCES.values() if isinstance(r, Series)])


def test_the_registry_holds_these() -> None:
    """Whoever takes one away by mistake is told here: all else follows the registry."""
    assert {one.name: (one.step, *(called.name for called in one.endpoints)) for one in resources.entries()} == {
        "calendar": ("ranking", "available_rankings"),
        "ranking": ("ranking", "ranking_latest", "ranking_at"),
        "catalogue": ("", "song_platforms", "charts_by_platform", "social_platforms", "streaming_platforms"),
        "usage": ("", "team_usage"),
        "track_metadata": ("track_metadata", "song"),
        "artist_metadata": ("artist_metadata", "artist"),
        "track_audience": ("track_audience", "song_audience"),
        "track_airplay": ("track_audience", "song_broadcast_groups"),
        "artist_audience": ("artist_audience", "artist_audience"),
        "artist_listeners": ("artist_audience", "artist_listening"),
        "artist_airplay": ("artist_audience", "artist_broadcast_groups"),
        "artist_local_followers": ("artist_audience", "artist_local_followers"),
        "artist_local_streaming": ("artist_audience", "artist_local_streaming"),
    }
    assert all(name == one.name for name, one in RESOURCES.items())


def test_every_endpoint_is_called_for_one_thing() -> None:
    called = [(endpoint.name, one.name) for one in resources.entries() for endpoint in one.endpoints]
    assert sorted(endpoint for endpoint, _ in called) == sorted(ENDPOINTS)
    assert all(resources.kind_of(endpoint) == name for endpoint, name in called)


def test_every_platform_is_served_by_something() -> None:
    served: dict[resources.Subject, frozenset[str]] = {
        "track": frozenset(platforms.TRACK_PLATFORMS),
        "artist": frozenset(platforms.ARTIST_PLATFORMS),
    }
    for subject, codes in served.items():
        assert {code for _, code in resources.series_for(subject, codes, SETTINGS)} == codes


def test_every_entry_says_what_is_there() -> None:
    for one in resources.entries():
        assert not one.setting or Settings.model_fields[one.setting].annotation is bool
        assert not one.fresh or one.freshness(SETTINGS) > timedelta(0)
        assert not one.weight or (set(one.weight.tables) <= set(MERGED) and one.weight.rows * one.weight.size > 0)


@each
def test_a_resource_has_a_step_of_its_own_subject(resource: Resource) -> None:
    assert resource.step in STEPS
    assert resource.step.startswith(f"{resource.subject}_")
    assert resource.weight is not None
    assert resource.fresh


@each
def test_it_is_asked_for_where_it_is_on_and_only_there(resource: Resource) -> None:
    for settings in (SETTINGS, ALL_ON):
        asked = {ask.resource.name: ask for step in STEPS for ask in asks(step, ["u"], EVERYTHING, settings)}
        assert (resource.name in asked) == resource.is_on(settings)
        if ask := asked.get(resource.name):
            assert [want.entity for want in ask.wants] == ["u"] * len(ask.facets)
            assert set(ask.facets) == ({""} if isinstance(resource, Metadata) else set(resource.platforms))
            assert ask.options == ({} if isinstance(resource, Metadata) else {"first_days": 90})
    assert resource.is_on(ALL_ON)


@each
@pytest.mark.parametrize("count", [0, 1, 10, 11])
def test_calls_are_whole_requests(resource: Resource, count: int) -> None:
    items = [Item(str(number), "spotify") for number in range(count)]
    assert resource.calls(items, TODAY, 90, SETTINGS) == -(-count // resource.per_call)
    if isinstance(resource, Series):
        assert resource.calls(items, TODAY, 365, SETTINGS) == 5 * count


@each_series
@pytest.mark.parametrize("behind", [None, 0, 1, 8, 400])
@pytest.mark.parametrize("first_days", [1, 90, 365])
def test_windows_tile_the_days_up_to_now(series: Series, behind: int | None, first_days: int) -> None:
    item = Item("x", "spotify", None, None if behind is None else TODAY - timedelta(days=behind))
    found = series.windows(item, TODAY, first_days, SETTINGS)
    assert found[-1].end == TODAY - timedelta(days=series.whole_days)
    assert all((w.end - w.start).days < SETTINGS.audience_window_days for w in found)
    assert all(later.start == earlier.end + timedelta(days=1) for earlier, later in pairwise(found))


@each_series
def test_its_calls_are_counted_by_platform_where_it_is_asked_by_platform(series: Series) -> None:
    by_platform = "{facet}" in series.endpoint.path
    assert series.kind("spotify") == (f"{series.name} spotify" if by_platform else series.name)
    assert resources.entry(series.kind("spotify").split()[0]) is series
