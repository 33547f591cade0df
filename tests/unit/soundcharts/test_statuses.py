"""The table from status to error, the two kinds of 429, and how long to wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartline.domain import ranges
from chartline.errors import (
    ChartlineError,
    CredentialsRefused,
    Gone,
    NotConfigured,
    NotFound,
    NotInPlan,
    QuotaSpent,
    RateLimited,
    RequestRefused,
    ServerTrouble,
    TryLater,
    UnsupportedPlatform,
)
from chartline.soundcharts import statuses

MINUTE = "The maximum request count per minute has been reached."
QUOTA = "Maximum quota reached."


def errors(message: object = "", code: object = None, key: object = "access") -> dict[str, object]:
    return {"errors": [{"key": key, "code": code, "message": message}]}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RequestRefused), (401, CredentialsRefused), (402, RequestRefused), (403, NotInPlan), (404, NotFound),
        (405, RequestRefused), (409, RequestRefused), (410, Gone), (418, RequestRefused), (422, RequestRefused),
        (301, NotConfigured), (302, NotConfigured), (308, NotConfigured), (408, ServerTrouble),
        (500, ServerTrouble), (502, ServerTrouble), (503, ServerTrouble), (504, ServerTrouble), (599, ServerTrouble),
        (799, ServerTrouble),
    ],
)  # fmt: skip
def test_every_status_has_its_error(status: int, error: type[ChartlineError]) -> None:
    judged = statuses.judge(status, {}, errors("Something."), "song abc", b"raw")
    assert type(judged) is error
    assert "song abc" in judged.what
    assert f"status {status}" in judged.what
    assert judged.body == b"raw"


@pytest.mark.parametrize("status", [200, 201, 204])
@pytest.mark.parametrize("data", [{}, {"errors": []}, {"errors": None}, {"items": []}, {"errors": ""}, [], None])
def test_a_good_answer_is_no_error(status: int, data: Any) -> None:
    assert statuses.judge(status, {}, data, "song") is None


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (400, "invalid platform code", UnsupportedPlatform),
        (404, "Apple Music is not a social Platform.", UnsupportedPlatform),
        (400, "Allowed platforms: spotify, youtube", UnsupportedPlatform),
        (404, "Not found.", NotFound),
        (404, "No song named platformer", NotFound),
        (403, "This platform is not in your plan", NotInPlan),
    ],
)
def test_a_refused_platform_says_nothing_of_the_entity(status: int, message: str, error: type[ChartlineError]) -> None:
    assert type(statuses.judge(status, {}, errors(message), "x")) is error


@pytest.mark.parametrize(
    ("message", "headers", "error"),
    [
        (MINUTE, {}, RateLimited),
        (MINUTE.upper(), {"x-ratelimit-reset": "3"}, RateLimited),
        (MINUTE, {"x-quota-remaining": "0"}, RateLimited),
        (QUOTA, {}, QuotaSpent),
        (QUOTA, {"x-ratelimit-reset": "3"}, QuotaSpent),
        ("", {"x-ratelimit-reset": "3"}, RateLimited),
        ("", {"retry-after": "3"}, RateLimited),
        ("", {"x-ratelimit-reset": "3", "x-quota-remaining": "0"}, QuotaSpent),
        ("", {"x-quota-remaining": "12"}, RateLimited),
        ("", {"x-quota-remaining": "lots"}, QuotaSpent),
        ("Stop it.", {}, QuotaSpent),
    ],
)
def test_the_two_kinds_of_429(message: str, headers: dict[str, Any], error: type[ChartlineError]) -> None:
    assert type(statuses.judge(429, headers, errors(message), "x")) is error


def test_a_429_without_a_word_is_about_the_quota() -> None:
    assert type(statuses.judge(429, {}, None, "x")) is QuotaSpent


@pytest.mark.parametrize(
    ("code", "error"),
    [(404, NotFound), ("404", NotFound), (401, CredentialsRefused), (503, ServerTrouble), (None, RequestRefused),
     ("x", RequestRefused), (7, RequestRefused), (200, RequestRefused)],
)  # fmt: skip
def test_errors_in_a_200_are_judged_by_their_code(code: int | str | None, error: type[ChartlineError]) -> None:
    assert type(statuses.judge(200, {}, errors("Oh.", code), "x")) is error


@pytest.mark.parametrize("said", ["text", ["text"], [None], {"a": 1}, [[]]])
def test_odd_error_bodies_are_survived(said: Any) -> None:
    assert type(statuses.judge(404, {}, {"errors": said}, "x")) is NotFound


KEYS = st.sampled_from(["errors", "error", "message", "code", "key"])
BODIES = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=8
)


@given(st.integers(300, 999), BODIES)
def test_whatever_comes_becomes_a_named_error(status: int, data: Any) -> None:
    judged = statuses.judge(status, {}, data, "x")
    assert isinstance(judged, ChartlineError)
    assert "\n" not in str(judged)
    assert len(str(judged)) < 1000


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"x-ratelimit-reset": "12"}, 13),
        ({"x-ratelimit-reset": " 0 "}, 1),
        ({"x-ratelimit-reset": "1.5"}, 2.5),
        ({"x-ratelimit-reset": "soon"}, None),
        ({"x-ratelimit-reset": "-3"}, None),
        ({"x-ratelimit-reset": "nan"}, None),
        ({"x-ratelimit-reset": "inf"}, None),
        ({"x-ratelimit-reset": ""}, None),
        ({"x-ratelimit-reset": "soon", "retry-after": "4"}, 5),
        ({"x-ratelimit-reset": "2", "retry-after": "4"}, 3),
        ({"x-ratelimit-reset": "60000"}, 120),
        ({"x-ratelimit-reset": "31536000"}, 120),
        ({"x-ratelimit-reset": "999999999"}, 120),
        ({"x-ratelimit-reset": "1e300"}, 120),
        ({"x-ratelimit-reset": "9" * 5000}, None),
        ({"x-ratelimit-reset": "99999999999999"}, 120),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, 120),
    ],
)
def test_waiting_time(headers: dict[str, Any], wait: float | None) -> None:
    assert statuses.waiting_time(headers) == wait


@pytest.mark.parametrize("spelled", [str, lambda at: str(round(at * 1000)), lambda at: formatdate(at, usegmt=True)])
def test_a_time_is_understood_as_well_as_a_wait(spelled: Callable[[float], str]) -> None:
    wait = statuses.waiting_time({"retry-after": spelled(time.time() + 30)})
    assert wait is not None
    assert 28 < wait < 32


def test_a_time_in_the_past_is_no_wait() -> None:
    assert statuses.waiting_time({"x-ratelimit-reset": str(time.time() - 100)}) == 1


def told_wait(status: int, headers: dict[str, str], said: Any) -> float:
    """Seconds that the error says to wait."""
    error = statuses.judge(status, headers, said, "x")
    assert isinstance(error, TryLater)
    return error.after


def test_an_unsaid_wait_is_ten_seconds() -> None:
    assert told_wait(429, {}, errors(MINUTE)) == 10


@pytest.mark.parametrize(("status", "wait"), [(429, 120), (503, 900), (500, 900)])
def test_a_wait_that_cannot_be_meant_is_cut_and_said(caplog: pytest.LogCaptureFixture, status: int, wait: int) -> None:
    said = errors(MINUTE if status == 429 else "down")
    assert told_wait(status, {"retry-after": "60000"}, said) == wait
    assert f"{wait} s are waited" in caplog.text
    assert told_wait(status, {"retry-after": "30"}, said) == 31


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12), (" 7 ", 7), ("-3", 0), ("9" * 18, ranges.CALLS_LEFT.high), ("0", 0)]
)
def test_counts_of_headers_come_into_their_range(text: str, number: int) -> None:
    assert statuses.count(text, ranges.CALLS_LEFT) == number


@pytest.mark.parametrize("text", ["1e3", "x", "", None, "9" * 30, "٣", "1 2", "0x1"])
def test_what_is_no_whole_number(text: str | None) -> None:
    assert statuses.count(text, ranges.QUOTA_LEFT) is None


@given(st.integers(0, 1000))
def test_backoff_is_bounded(failures: int) -> None:
    assert 0.25 <= statuses.backoff(failures) <= 30


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b'{"a": Infinity}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_not_json(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        statuses.decode(body)
