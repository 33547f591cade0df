"""Each odd shape can be provoked, and none of them changes what an answer means."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from simulator.oddities import NATURAL, Oddities
from simulator.world import World

LATEST = "/api/v2.14/chart/song/demo-global-daily/ranking/latest"


def test_rates_scale_and_names_always_strike() -> None:
    everything = [f"thing {number}" for number in range(4_000)]
    natural = sum(Oddities(1).strikes("missing_keys", thing) for thing in everything)
    assert 0.25 < natural / len(everything) < 0.35
    assert not any(Oddities(0).strikes(name, thing) for name in NATURAL for thing in everything[:50])
    named = Oddities(["paris_midnight"])
    assert named.strikes("paris_midnight")
    assert not named.strikes("missing_keys", "x")


def test_the_errors_key_may_be_missing(api: TestClient, configure: Any) -> None:
    configure(oddities=["no_errors_key"])
    assert "errors" not in api.get(LATEST).json()
    assert "errors" in api.get("/api/v2.25/song/unknown").json()


def test_unknown_keys_appear(api: TestClient, configure: Any, tracks: tuple[str, ...]) -> None:
    configure(oddities=["unknown_keys"])
    assert "simulatedKey" in api.get(f"/api/v2.25/song/{tracks[0]}").json()["object"]
    assert "simulatedKey" in api.get(LATEST).json()["related"]["chart"]


@pytest.mark.parametrize("kind", ["song", "artist"])
def test_what_is_unknown_is_null_or_blank_or_absent(
    api: TestClient, configure: Any, tracks: tuple[str, ...], artists: tuple[str, ...], kind: str
) -> None:
    path, uuids = ("/api/v2.25/song/", tracks) if kind == "song" else ("/api/v2.9/artist/", artists)

    def things() -> list[dict[str, Any]]:
        return [thing for start in (0, 10, 20, 30) for thing in batch(start)]

    def batch(start: int) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = api.get(path + ",".join(uuids[start : start + 10])).json()["items"]
        return items

    plain = things()
    configure(oddities=["blank_for_null"])
    blank = things()
    configure(oddities=["missing_keys"])
    fewer = things()
    assert any("" in thing.values() and thing != before for thing, before in zip(blank, plain, strict=True))
    assert any(len(thing) < len(before) for thing, before in zip(fewer, plain, strict=True))
    for before, second, third in zip(plain, blank, fewer, strict=True):
        for name, value in before.items():
            assert (second[name] or None) == (value or None)
            assert (third.get(name) or None) == (value or None), name


def test_genres_of_an_artist_may_be_texts(
    api: TestClient, configure: Any, world: World, artists: tuple[str, ...]
) -> None:
    configure(oddities=["genre_strings"])
    texts = 0
    for uuid in artists:
        truth = world.artist(uuid)
        assert truth is not None
        if truth.genres and not any(subs for _, subs in truth.genres):
            genres = api.get(f"/api/v2.9/artist/{uuid}").json()["object"]["genres"]
            assert genres == [root for root, _ in truth.genres]
            texts += 1
    assert texts > 3


@pytest.mark.parametrize(("name", "mark"), [("escaped_slashes", b"\\/"), ("escaped_unicode", b"\\u")])
def test_escapes_change_the_bytes_and_not_the_meaning(api: TestClient, configure: Any, name: str, mark: bytes) -> None:
    plain = api.get(LATEST)
    assert mark not in plain.content
    configure(oddities=[name])
    odd = api.get(LATEST)
    assert mark in odd.content
    assert odd.json() == plain.json()


def test_entry_dates_may_have_odd_minutes(api: TestClient, configure: Any) -> None:
    plain = [item["entryDate"] for item in api.get(LATEST).json()["items"]]
    configure(oddities=["entry_minutes"])
    odd = [item["entryDate"] for item in api.get(LATEST).json()["items"]]
    assert [date[:10] for date in odd] == [date[:10] for date in plain]
    assert {date[11:19] for date in odd} == {"11:43:52", "10:10:02"}


def test_dated_lists_may_ignore_the_limit(api: TestClient, configure: Any, tracks: tuple[str, ...]) -> None:
    configure(oddities=["more_than_limit"])
    path = f"/api/v2/song/{tracks[1]}/audience/spotify?startDate=2025-11-21&limit=50"
    body = api.get(path).json()
    assert len(body["items"]) == body["page"]["total"] > 100
    assert body["page"]["next"] is None


def test_old_midnights_keep_their_calendar_day(api: TestClient, configure: Any, tracks: tuple[str, ...]) -> None:
    path = f"/api/v2/song/{tracks[1]}/audience/spotify"
    plain = [item["date"] for item in api.get(path).json()["items"]]
    configure(oddities=["paris_midnight"])
    odd = [item["date"] for item in api.get(path).json()["items"]]
    assert odd == [date.replace("+00:00", "+02:00") for date in plain]


def test_items_may_come_in_any_order(api: TestClient, configure: Any, tracks: tuple[str, ...]) -> None:
    path = f"/api/v2/song/{tracks[1]}/audience/spotify"
    plain = api.get(path).json()["items"]
    configure(oddities=["shuffled_items"])
    odd = api.get(path).json()["items"]
    assert odd != plain
    assert sorted(odd, key=lambda item: item["date"], reverse=True) == plain


def test_a_calendar_may_come_in_any_order(api: TestClient, configure: Any) -> None:
    def calendar() -> list[str]:
        pages = [
            api.get("/api/v2/chart/song/demo-global-daily/available-rankings", params={"offset": offset}).json()
            for offset in range(0, 1500, 100)
        ]
        return [stamp for page in pages for stamp in page["items"]]

    plain = calendar()
    configure(oddities=["shuffled_items"])
    odd = calendar()
    assert odd[:100] != plain[:100]
    assert sorted(odd, reverse=True) == plain


def test_a_day_may_have_two_stamps(api: TestClient, configure: Any) -> None:
    configure(oddities=["two_stamps"])
    first, second = api.get("/api/v2/chart/song/demo-global-daily/available-rankings").json()["items"][:2]
    assert first != second
    assert first[:10] == second[:10]


def test_a_row_at_position_zero_has_left_the_chart(api: TestClient, configure: Any) -> None:
    configure(oddities=["position_zero"])
    body = api.get(LATEST, params={"offset": 100}).json()
    assert body["items"][-1]["position"] == 0
    assert body["items"][-2]["position"] == 200
    assert body["page"]["total"] == 200


def test_the_entry_state_may_be_told(api: TestClient, configure: Any) -> None:
    configure(oddities=["entry_state"])
    items = api.get(LATEST).json()["items"] + api.get(LATEST, params={"offset": 100}).json()["items"]
    assert {item["entryState"] for item in items if item["oldPosition"] == 0} == {"new"}


def test_a_look_up_may_answer_with_another_isrc(api: TestClient, configure: Any, world: World, tracks: Any) -> None:
    configure(oddities=["other_isrc"])
    isrc = next(track.isrc.value for uuid in tracks if (track := world.song(uuid)) and track.isrc)
    assert api.get(f"/api/v2.25/song/by-isrc/{isrc}").json()["object"]["isrc"]["value"] != isrc
