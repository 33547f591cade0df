from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.limits import RateLimit

PLATFORMS = "/api/v2/chart/song/platforms"


SECOND = 1_000_000_000


@settings(deadline=None)
@given(st.integers(1, 20), st.lists(st.integers(0, 30 * SECOND), max_size=200))
def test_no_sixty_seconds_ever_hold_more_calls_than_allowed(per_minute: int, waits: list[int]) -> None:
    limit, now, made = RateLimit(per_minute), 1000 * SECOND, []
    for wait in waits:
        now += wait
        allowance = limit.take("a", now)
        assert 1 <= allowance.reset <= 60
        if not allowance.allowed:
            assert allowance.remaining == 0
            now += allowance.reset * SECOND
            assert limit.take("a", now).allowed
        made.append(now)
    # One call too many in a window of 60 s would be `per_minute` calls later and less than 60 s away.
    assert all(later - earlier >= 60 * SECOND for earlier, later in zip(made, made[per_minute:], strict=False))


def test_accounts_have_limits_of_their_own() -> None:
    limit = RateLimit(1)
    assert limit.take("a", 0).allowed
    assert limit.take("b", 0).allowed
    assert not limit.take("a", 1).allowed


def test_every_answer_tells_the_limits(api: TestClient) -> None:
    for path in (PLATFORMS, "/api/v2.25/song/unknown", f"{PLATFORMS}?limit=1000"):
        headers = api.get(path).headers
        for name in ("x-quota-remaining", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"):
            assert int(headers[name]) >= 0, (path, name)


def test_the_minute_limit_says_when_to_come_back(api: TestClient, configure: Any) -> None:
    configure(rate_limit_per_minute=2)
    assert [api.get(PLATFORMS).status_code for _ in range(3)] == [200, 200, 429]
    refused = api.get(PLATFORMS)
    assert "maximum request count" in refused.json()["errors"][0]["message"]
    assert 1 <= int(refused.headers["x-ratelimit-reset"]) <= 60
    assert refused.headers["x-ratelimit-remaining"] == "0"


def test_the_quota_says_something_else_and_no_time(api: TestClient, configure: Any) -> None:
    configure(quota=2)
    assert [api.get(PLATFORMS).status_code for _ in range(3)] == [200, 200, 429]
    refused = api.get(PLATFORMS)
    message = refused.json()["errors"][0]["message"]
    assert "quota" in message
    assert "maximum request count" not in message
    assert "x-ratelimit-reset" not in refused.headers
    assert refused.headers["x-quota-remaining"] == "0"
    assert api.get("/api/v2/team/usage").status_code == 200
    configure(quota=1)
    assert api.get(PLATFORMS).status_code == 200


def test_only_good_answers_are_billed(api: TestClient, configure: Any) -> None:
    configure(faults=[{"match": "album*", "kind": "status", "status": 503}])
    left = [
        int(api.get(path).headers["x-quota-remaining"])
        for path in (
            PLATFORMS,
            "/api/v2.25/song/unknown",
            f"{PLATFORMS}?limit=500",
            "/api/v2/chart/album/platforms",
            "/api/v2/team/usage",
            PLATFORMS,
        )
    ]
    assert left == [999_999] * 5 + [999_998]
    configure(latency_ms=1)  # another setting does not fill the quota up
    assert int(api.get(PLATFORMS).headers["x-quota-remaining"]) == 999_997


def test_a_quota_header_may_be_no_number(api: TestClient, configure: Any) -> None:
    configure(oddities=["quota_text"])
    assert not api.get(PLATFORMS).headers["x-quota-remaining"].isdigit()
