from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import uvicorn
from fastapi.testclient import TestClient

from simulator.app import create_app
from simulator.faults import FaultRule, Faults
from simulator.service import Service

PLATFORMS = "/api/v2/chart/song/platforms"
LATEST = "/api/v2.14/chart/song/demo-global-daily/ranking/latest"


def rule(**given: Any) -> FaultRule:
    return FaultRule.model_validate(given)


def test_a_share_of_entities_is_always_the_same_and_about_as_large() -> None:
    one = rule(share=0.03, per="entity", kind="status", status=404)
    names = [f"song-{number}" for number in range(20_000)]
    hit = {name for name in names if one.afflicts(1, name)}
    assert 400 < len(hit) < 800
    assert hit == {name for name in names if one.afflicts(1, name)}
    assert hit != {name for name in names if one.afflicts(2, name)}
    cut = rule(share=0.03, per="entity", kind="cut")
    assert len(hit & {name for name in names if cut.afflicts(1, name)}) < 100


def test_a_share_of_calls_is_about_as_large() -> None:
    faults = Faults([rule(share=0.2, kind="timeout")])
    struck = sum(faults.strike(1, "song", ["a"], "").rule is not None for _ in range(5_000))
    assert 850 < struck < 1150


def test_a_rule_strikes_no_oftener_than_told() -> None:
    faults = Faults([rule(kind="cut", times=2)])
    assert [faults.strike(1, "song", ["a"], "").rule is not None for _ in range(4)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("match", "struck"),
    [
        ({"endpoint": "song*"}, True),
        ("song_audience", True),
        ({"endpoint": "artist*"}, False),
        ({"entity": "abc*"}, True),
        ({"entity": "x*"}, False),
        ({"facet": "youtube"}, False),
        ({"endpoint": "song*", "entity": "abc", "facet": "spotify"}, True),
    ],
)
def test_a_rule_looks_at_what_it_matches(match: Any, struck: bool) -> None:
    found = Faults([rule(match=match, kind="cut")]).strike(1, "song_audience", ["abc"], "spotify")
    assert (found.rule is not None) == struck


@pytest.mark.parametrize("status", [400, 403, 404, 410, 429, 500])
def test_a_status_comes_with_the_error_envelope(api: TestClient, configure: Any, status: int) -> None:
    configure(faults=[{"match": "song_platforms", "kind": "status", "status": status}])
    answer = api.get(PLATFORMS)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["code"] == status


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_answers_no_json(api: TestClient, configure: Any, status: int) -> None:
    configure(faults=[{"kind": "status", "status": status}])
    answer = api.get(PLATFORMS)
    assert answer.status_code == status
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_song_that_is_gone_is_gone_everywhere(api: TestClient, tracks: tuple[str, ...], configure: Any) -> None:
    gone = rule(match="song*", per="entity", share=0.3, kind="status", status=404)
    configure(faults=[gone.model_dump()])
    afflicted = {uuid for uuid in tracks[:10] if gone.afflicts(1, uuid)}
    assert 0 < len(afflicted) < 10
    batch = api.get(f"/api/v2.25/song/{','.join(tracks[:10])}")
    assert batch.status_code == 200
    assert {item["uuid"] for item in batch.json()["items"]} == set(tracks[:10]) - afflicted
    for uuid in tracks[:10]:
        for path in ("/api/v2.25/song/{}", "/api/v2/song/{}/audience/spotify", "/api/v2/song/{}/broadcast-groups"):
            assert (api.get(path.format(uuid)).status_code == 404) == (uuid in afflicted), path


def test_one_cut_song_cuts_its_whole_batch(api: TestClient, tracks: tuple[str, ...], configure: Any) -> None:
    bad = rule(match={"endpoint": "song", "entity": tracks[3]}, per="entity", kind="cut")
    configure(faults=[bad.model_dump()])
    for batch, cut in ((tracks[:5], True), (tracks[4:9], False), (tracks[3:4], True)):
        answer = api.get(f"/api/v2.25/song/{','.join(batch)}")
        assert (len(answer.content) < int(answer.headers["content-length"])) == cut


def test_a_malformed_body_is_whole_but_no_json(api: TestClient, configure: Any) -> None:
    configure(faults=[{"kind": "malformed"}])
    answer = api.get(PLATFORMS)
    assert len(answer.content) == int(answer.headers["content-length"])
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_short_page_and_a_wrong_total(api: TestClient, configure: Any) -> None:
    configure(faults=[{"kind": "short_page"}])
    body = api.get(LATEST).json()
    assert (len(body["items"]), body["page"]["total"]) == (99, 200)
    configure(faults=[{"kind": "wrong_total"}])
    body = api.get(LATEST).json()
    assert (len(body["items"]), body["page"]["total"]) == (100, 207)


def test_a_token_expires_in_the_middle_and_keys_do_not(api: TestClient, configure: Any) -> None:
    configure(faults=[{"kind": "expired_token", "times": 2}])
    assert api.get(PLATFORMS).status_code == 200
    grant = api.post("/oauth/token", auth=("demo-client", "demo-secret"), data={"grant_type": "client_credentials"})
    bearer = {"authorization": f"Bearer {grant.json()['access_token']}"}
    assert api.get(PLATFORMS, headers=bearer).status_code == 401
    assert api.get(PLATFORMS, headers=bearer).status_code == 401  # that token is dead for good


def test_a_timeout_hangs_and_then_fails(api: TestClient, configure: Any, service: Service) -> None:
    configure(faults=[{"kind": "timeout"}], timeout_seconds=0.2)
    started = time.perf_counter()
    answer = api.get(PLATFORMS)
    assert time.perf_counter() - started >= 0.2
    assert answer.status_code == 504
    assert service.counts.summary()["billed"] == 0


def test_latency_is_at_least_what_was_set(api: TestClient, configure: Any) -> None:
    configure(latency_ms=80)
    started = time.perf_counter()
    api.get(PLATFORMS)
    assert time.perf_counter() - started >= 0.08


@pytest.fixture
def address(service: Service) -> Iterator[str]:
    """A real server on a free port of this machine."""
    server = uvicorn.Server(uvicorn.Config(create_app(service), port=0, log_level="critical", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


def test_on_the_wire_a_cut_body_breaks_the_connection(address: str, configure: Any) -> None:
    keys = {"x-app-id": "soundcharts", "x-api-key": "soundcharts"}
    assert requests.get(address + LATEST, headers=keys, timeout=10).json()["page"]["total"] == 200
    configure(faults=[{"match": "ranking*", "kind": "cut"}])
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        requests.get(address + LATEST, headers=keys, timeout=10)
    configure(faults=[{"match": "ranking*", "kind": "timeout"}], timeout_seconds=30)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(address + LATEST, headers=keys, timeout=0.3)
