from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chartline.cascade import catalogue
from chartline.errors import BadInput, CredentialsRefused
from chartline.soundcharts.client import SoundchartsClient
from simulator.world import World

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def refresh(cascade: Any) -> Callable[..., catalogue.CatalogueReport]:
    def refresh(*platforms: str, **options: Any) -> catalogue.CatalogueReport:
        with cascade.connect() as conn, cascade.client() as client:
            return catalogue.refresh(conn, client, platforms or None, **options)

    return refresh


def test_all_platforms_and_charts_are_stored_as_the_world_has_them(refresh: Any, query: Query, simulator: Any) -> None:
    world = simulator.service.world
    report = refresh()
    truth = {(c.slug, c.name, c.platform, c.frequency, c.country_code, c.capacity) for c in world.charts()}
    assert set(query("select slug, name, platform, frequency, country_code, capacity from chart")) == truth
    assert report.charts == len(truth)
    assert not report.failed
    assert report.calls == len(simulator.calls()) == query("select count(*) from api_call")[0][0]
    flags = "ranks_charts, serves_artist_audience, serves_artist_listening"
    (spotify,) = query(f"select {flags} from platform where code = 'spotify'")
    (shazam,) = query(f"select {flags} from platform where code = 'shazam'")
    assert (spotify, shazam) == ((True, True, True), (True, False, False))


def test_a_second_refresh_costs_nothing_unless_forced(refresh: Any, simulator: Any) -> None:
    first = refresh("spotify", "shazam")
    assert first.calls == 5
    again = refresh("spotify", "shazam")
    assert (again.calls, again.charts, len(again.skipped)) == (0, 0, 5)
    assert refresh("spotify").calls == 0
    assert refresh("spotify", force=True).calls == 4
    assert len(simulator.calls()) == 9


def test_more_charts_than_a_page_are_followed_and_told(refresh: Any, query: Query, simulator: Any) -> None:
    simulator.service.world = World(entries=5, charts=21 * 130, artists=20)
    seen: list[tuple[str, int, int]] = []
    report = refresh("deezer", on_page=lambda *told: seen.append(told))
    assert seen == [("deezer", 100, 130), ("deezer", 130, 130)]
    assert report.charts == query("select count(*) from chart where platform = 'deezer'")[0][0] == 130


def test_a_page_that_comes_short_is_made_up_for(refresh: Any, query: Query, simulator: Any) -> None:
    simulator.service.world = World(entries=5, charts=21 * 30, artists=20)
    simulator.set(faults=[{"match": "charts_by_platform", "kind": "short_page", "times": 2}])
    assert not refresh("deezer").failed
    assert query("select count(*) from chart where platform = 'deezer'") == [(30,)]


def test_one_platforms_failure_does_not_stop_the_others_and_is_taken_up_again(
    refresh: Any, query: Query, simulator: Any
) -> None:
    broken = {"match": {"endpoint": "charts_by_platform", "entity": "shazam"}, "kind": "malformed"}
    simulator.set(faults=[broken])
    report = refresh("shazam", "spotify")
    assert list(report.failed) == ["shazam"]
    assert query("select entity, outcome, error_kind from fetch_ledger where outcome <> 'ok'") == [
        ("shazam", "failed", "cut_answer")
    ]
    assert query("select count(*) from chart where platform = 'spotify'") != [(0,)]
    assert query("select count(*) from api_call") == [(len(simulator.calls()),)]
    simulator.set(faults=[])
    assert (refresh("shazam", "spotify").calls, query("select count(*) from chart where platform = 'shazam'")) != (
        0,
        [(0,)],
    )


def test_refused_credentials_stop_at_once(refresh: Any, cascade: Any, simulator: Any, query: Query) -> None:
    simulator.set(key_pairs={})
    cascade.password = "wrong"
    with pytest.raises(CredentialsRefused):
        refresh()
    assert len(simulator.calls()) == 1
    assert query("select count(*) from fetch_ledger where lease_until is not null") == [(0,)]


def test_a_platform_without_charts_is_refused_with_those_that_have(refresh: Any, simulator: Any) -> None:
    with pytest.raises(BadInput, match=r"no charts of instagram\. It has charts of airplay, amazon"):
        refresh("spotify", "instagram")
    assert {call.endpoint for call in simulator.calls()} == {
        "song_platforms",
        "social_platforms",
        "streaming_platforms",
    }


@pytest.mark.parametrize("code", ["spotify\n", "Spotify", "", "../spotify", "s" * 51])
def test_no_call_is_spent_on_what_cannot_be_a_platforms_code(refresh: Any, simulator: Any, code: str) -> None:
    with pytest.raises(BadInput, match="cannot be a platform's code"):
        refresh("spotify", code)
    assert simulator.calls() == []


def test_what_another_refresh_is_at_is_left_to_it(refresh: Any, cascade: Any, simulator: Any) -> None:
    inner: list[catalogue.CatalogueReport] = []

    class Meanwhile(SoundchartsClient):
        def get(self, *args: Any, **more: Any) -> Any:
            if args[1:2] == ("spotify",) and not inner:
                inner.append(refresh("spotify"))
            return super().get(*args, **more)

    with cascade.connect() as conn, cascade.client() as client:
        client.__class__ = Meanwhile
        outer = catalogue.refresh(conn, client, ["spotify"])
    assert inner[0].skipped == ["song_platforms", "social_platforms", "streaming_platforms", "spotify"]
    assert inner[0].calls == 0
    assert outer.charts > 0
