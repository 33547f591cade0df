from __future__ import annotations

from datetime import date, timedelta
from math import ceil
from typing import Any

import pytest
from fastapi.testclient import TestClient

from simulator.needed import ChartAsk, needed_calls, needed_history
from simulator.world import World

FIRST, SECOND, THIRD = "demo-global-daily", "demo-france-daily", "demo-shazam-daily"


def asks(*slugs: str, **flags: Any) -> list[ChartAsk]:
    return [ChartAsk(slug=slug, **flags) for slug in slugs]


def on_chart(world: World, slug: str, now: Any) -> tuple[set[str], set[str]]:
    day = world.latest_day(slug, now)
    assert day is not None
    return set(world.tracks_of(slug, day)), set(world.artists_of(slug, day))


def test_one_chart_by_hand(world: World, now: Any) -> None:
    tracks, artists = on_chart(world, FIRST, now)
    stations = [len(world.broadcast_groups(uuid, date(2026, 8, 22), date(2026, 11, 19))) for uuid in tracks]
    assert needed_calls(world, now, asks(FIRST)) == {
        FIRST: {
            "ranking_latest": 1,
            "ranking_at": 1,
            "song": 20,
            "song_audience": 600,
            "song_broadcast_groups": sum(max(1, ceil(count / 100)) for count in stations),
            "artist": ceil(len(artists) / 10),
            "artist_audience": 4 * len(artists),
            "artist_listening": len(artists),
        }
    }


def test_airplay_of_artists_by_hand(world: World, now: Any) -> None:
    _, artists = on_chart(world, FIRST, now)
    window = date(2026, 8, 22), date(2026, 11, 19)
    stations = [len(world.artist_broadcast_groups(uuid, *window)) for uuid in artists]
    assert max(stations) > 100
    needed = needed_calls(world, now, asks(FIRST, artist_platforms=("airplay",)))[FIRST]
    assert needed["artist_broadcast_groups"] == sum(max(1, ceil(count / 100)) for count in stations)
    assert "artist_audience" not in needed


def test_audience_by_place_by_hand(world: World, now: Any) -> None:
    _, artists = on_chart(world, FIRST, now)
    needed = needed_calls(world, now, asks(FIRST, cities=True))[FIRST]
    assert needed["artist_local_followers"] == 3 * len(artists)
    assert needed["artist_local_streaming"] == len(artists)
    assert "artist_local_streaming" not in needed_calls(world, now, asks(FIRST))[FIRST]


def test_what_is_shared_is_paid_by_the_first(world: World, now: Any) -> None:
    (one, one_artists), (two, two_artists) = (on_chart(world, slug, now) for slug in (FIRST, SECOND))
    needed = needed_calls(world, now, asks(FIRST, SECOND))
    assert needed[SECOND]["song"] == ceil(len(two - one) / 10) == 8
    assert needed[SECOND]["song_audience"] == 3 * len(two - one)
    assert needed[SECOND]["artist_audience"] == 4 * len(two_artists - one_artists)
    turned = needed_calls(world, now, asks(FIRST, SECOND), artist_order=[SECOND, FIRST])
    assert turned[FIRST]["artist_listening"] == len(one_artists - two_artists)
    assert turned[FIRST]["song"] == 20
    tracks_turned = needed_calls(world, now, asks(FIRST, SECOND), track_order=[SECOND, FIRST])
    assert (tracks_turned[SECOND]["song"], tracks_turned[FIRST]["song"]) == (20, 8)


def test_steps_that_are_off_need_nothing_and_claim_nothing(world: World, now: Any) -> None:
    first = ChartAsk(slug=FIRST, fetch_track_metadata=False, fetch_track_audience=False)
    needed = needed_calls(
        world, now, [first, *asks(SECOND, artist_platforms=("spotify",), track_platforms=("shazam",))]
    )
    _, two_artists = on_chart(world, SECOND, now)
    assert set(needed[SECOND]) == {
        "ranking_latest", "ranking_at", "song", "song_audience", "artist", "artist_audience", "artist_listening",
    }  # fmt: skip
    assert needed[SECOND]["song"] == 20
    assert needed[SECOND]["song_audience"] == 200
    assert "song" not in needed[FIRST]
    # Track metadata of the second chart makes known the artists of what both charts share.
    assert 0 < needed[FIRST]["artist"] < ceil(len(two_artists) / 10) + 1
    alone = needed_calls(world, now, [first])
    assert alone == {FIRST: {"ranking_latest": 1, "ranking_at": 1}}


def test_platforms_are_claimed_one_by_one(world: World, now: Any) -> None:
    first = ChartAsk(slug=FIRST, track_platforms=("spotify",))
    needed = needed_calls(world, now, [first, *asks(SECOND, track_platforms=("spotify", "youtube"))])
    assert needed[FIRST]["song_audience"] == 200
    assert needed[SECOND]["song_audience"] == 80 + 200


@pytest.mark.parametrize(("order", "error"), [([FIRST], ValueError), ([FIRST, FIRST], ValueError)])
def test_an_order_must_name_each_chart(world: World, now: Any, order: list[str], error: type[Exception]) -> None:
    with pytest.raises(error, match="each chart once"):
        needed_calls(world, now, asks(FIRST, SECOND), track_order=order)


def test_an_unknown_chart_is_named(world: World, now: Any) -> None:
    with pytest.raises(KeyError, match="no chart nowhere"):
        needed_calls(world, now, asks("nowhere"))


def test_a_client_that_asks_for_everything_makes_exactly_these_calls(
    api: TestClient, world: World, now: Any, configure: Any
) -> None:
    """Walk a small chart over HTTP, page by page, and compare with the simulator's own count."""
    small = api.post("/_control/world", json={"entries": 30}).json()
    configure(rate_limit_per_minute=100_000)
    tracks, artists = walk(api, "demo-shazam-daily", now)
    needed = api.post("/_truth/needed", json={"charts": [{"slug": "demo-shazam-daily"}]}).json()["demo-shazam-daily"]
    counts = api.get("/_control/counts").json()
    assert {name: row["calls"] for name, row in counts["endpoints"].items()} == needed
    assert counts["duplicates"] == 0
    assert needed == needed_calls(World(**small), now, asks("demo-shazam-daily"))["demo-shazam-daily"]
    assert (len(tracks), needed["song"]) == (30, 3)
    assert needed["artist"] == ceil(len(artists) / 10)


def walk(api: TestClient, slug: str, now: Any) -> tuple[list[str], list[str]]:
    def pages(path: str | None) -> list[Any]:
        items: list[Any] = []
        while path:
            answer = api.get(path)
            assert answer.status_code == 200, answer.text
            items += answer.json()["items"]
            path = answer.json()["page"]["next"]
        return items

    tracks = [item["song"]["uuid"] for item in pages(f"/api/v2.14/chart/song/{slug}/ranking/latest")]
    artists: dict[str, None] = {}
    for start in range(0, len(tracks), 10):
        for song in api.get(f"/api/v2.25/song/{','.join(tracks[start : start + 10])}").json()["items"]:
            artists |= dict.fromkeys(artist["uuid"] for artist in song["artists"])
    known = list(artists)
    window = "startDate=2026-08-23&endDate=2026-11-20"
    for start in range(0, len(known), 10):
        assert api.get(f"/api/v2.9/artist/{','.join(known[start : start + 10])}").status_code == 200
    for uuid in tracks:
        for platform in ("spotify", "youtube", "shazam"):
            pages(f"/api/v2/song/{uuid}/audience/{platform}?{window}")
        pages(f"/api/v2/song/{uuid}/broadcast-groups?startDate=2026-08-22&endDate=2026-11-19")
    for uuid in known:
        for platform in ("spotify", "youtube", "instagram", "tiktok"):
            pages(f"/api/v2/artist/{uuid}/audience/{platform}?{window}")
        pages(f"/api/v2/artist/{uuid}/streaming/spotify/listening?{window}")
    return tracks, known


def test_the_past_by_hand(world: World, now: Any) -> None:
    days = [day for day in world.days(FIRST, now) if day >= now.date() - timedelta(days=250)]
    tracks = {uuid for day in days for uuid in world.tracks_of(FIRST, day)}
    artists = {uuid for day in days for uuid in world.artists_of(FIRST, day)}
    newest, newest_artists = on_chart(world, FIRST, now)
    needed = needed_history(world, now, asks(FIRST, history_days=250))
    airplay = needed.charts[FIRST].pop("song_broadcast_groups")
    assert airplay >= 3 * 200
    assert needed.charts == {
        FIRST: {
            "ranking_latest": 1,
            "ranking_at": 2 * len(days) - 1,
            "available_rankings": 3,  # of many: down to the first day that is wanted
            "song_audience": 3 * 3 * len(newest),
            "artist_audience": 3 * 4 * len(newest_artists),
            "artist_listening": 3 * len(newest_artists),
        }
    }
    assert needed.days == {FIRST: len(days)}
    assert needed.distinct == {"song": len(tracks), "artist": len(artists)}
    assert needed.at_least == {"song": ceil(len(tracks) / 10), "artist": ceil(len(artists) / 10)}
    assert needed.calls == sum(needed.charts[FIRST].values()) + sum(needed.at_least.values())
    assert len(days) in (247, 248, 249)  # some are missing, the newest are not out yet


def test_the_past_of_two_charts_is_paid_once(world: World, now: Any) -> None:
    alone = [needed_history(world, now, asks(slug, history_days=60)).distinct for slug in (FIRST, SECOND)]
    both = needed_history(world, now, asks(FIRST, SECOND, history_days=60)).distinct
    for kind in ("song", "artist"):
        assert max(own[kind] for own in alone) < both[kind] < sum(own[kind] for own in alone)


def test_a_chart_that_is_younger_gives_what_it_has(now: Any) -> None:
    world = World(first_day=date(2026, 11, 1), missing_share=0)
    needed = needed_history(world, now, asks(FIRST, history_days=3650, fetch_track_metadata=False))
    assert needed.days == {FIRST: 18}
    assert needed.charts[FIRST]["available_rankings"] == 1
    assert needed.distinct == {"song": 0, "artist": 0}


def test_without_a_past_it_is_the_latest_ranking_alone(world: World, now: Any) -> None:
    needed, plain = needed_history(world, now, asks(FIRST)), needed_calls(world, now, asks(FIRST))[FIRST]
    assert needed.at_least == {name: plain.pop(name) for name in ("song", "artist")}
    assert needed.charts == {FIRST: plain}


def test_the_needs_of_the_past_are_served(api: TestClient, world: World, now: Any) -> None:
    body = {"charts": [{"slug": FIRST, "history_days": 5}]}
    served = api.post("/_truth/needed-history", json=body).json()
    assert served == needed_history(world, now, asks(FIRST, history_days=5)).model_dump()
    assert api.post("/_truth/needed-history", json={"charts": [{"slug": "nowhere"}]}).status_code == 404
