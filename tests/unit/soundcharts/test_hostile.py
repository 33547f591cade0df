"""Answers that nobody means: huge, deep, packed, full of what steers a terminal. Refused by name, or kept as data."""

from __future__ import annotations

import gzip
import json
import logging
import threading
import time
import tracemalloc
from typing import Any

import pytest

from chartline.domain import ranges
from chartline.domain.ranges import Bounds
from chartline.errors import AnswerTooLarge, BadInput, ChartlineError, ContractBroken, CutAnswer
from chartline.soundcharts import endpoints, models
from chartline.soundcharts.redaction import Redaction

from .conftest import Clients, LocalApi, Said
from .test_models import SONG, answer

MIB = 2**20
STEERING = "\x1b]0;owned\x07\r\u202egpj.exe\u2066\u2028\x9b2J"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """The most that an answer may have, made small so that more of it is quickly there."""
    monkeypatch.setattr(ranges, "BODY", Bounds(0, MIB))
    return MIB


# -- size ----------------------------------------------------------------------------------------------------------


def test_an_answer_that_says_it_is_too_large_is_refused_unread(api: LocalApi, client_of: Clients, small: int) -> None:
    never = threading.Event()
    api.says(Said(b"x" * (2 * small), wait=never.wait))
    begun = time.monotonic()
    with pytest.raises(AnswerTooLarge, match="1 MiB") as refused:
        client_of().get(endpoints.SONG, "a")
    never.set()
    assert time.monotonic() - begun < 1.5, "not waited for"
    assert (len(api.asked), len(refused.value.calls), refused.value.body) == (1, 1, b""), "once, booked, not kept"


@pytest.mark.parametrize("packed", [0, 1, 2], ids=["plain", "gzip", "gzip in gzip"])
def test_an_answer_without_an_end_is_never_in_memory(
    api: LocalApi, client_of: Clients, small: int, packed: int
) -> None:
    body = b" " * (200 * small)
    for _ in range(packed):
        body = gzip.compress(body, 1)
    headers = {"Content-Encoding": ", ".join(["gzip"] * packed)} if packed else {}
    api.says(Said(body, headers=headers, chunked=True, parts=4096 if not packed else 1))
    client = client_of()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    try:
        with pytest.raises(AnswerTooLarge):
            client.get(endpoints.SONG, "a")
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < 8 * small
    assert len(api.asked) == 1


@pytest.mark.parametrize("length", ["-1", "1e9", "9" * 40, "\u0663", "x"])
def test_a_length_that_is_none_counts_for_nothing(length: str) -> None:
    from types import SimpleNamespace

    from chartline.soundcharts import transport

    said: Any = SimpleNamespace(headers={"content-length": length})
    assert transport._announced(said) == 0


# -- JSON that is none ----------------------------------------------------------------------------------------------


def test_a_hundred_levels_are_read_and_a_hundred_thousand_are_refused_at_once(
    api: LocalApi, client_of: Clients
) -> None:
    client = client_of()
    api.says(Said(b'{"items": [], "odd": ' + b"[" * 100 + b"]" * 100 + b"}"))
    assert client.get(endpoints.SONG, "a").data["items"] == []
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        api.says(Said(b'{"odd": ' + opening * 100_000 + b"1" + closing * 100_000 + b"}"))
        before = len(api.asked)
        with pytest.raises(ContractBroken, match="nested too deeply"):
            client.get(endpoints.SONG, "a")
        assert len(api.asked) == before + 1, "asking again would bring the same"


def test_what_is_deep_where_something_is_read_is_refused_by_its_field() -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    found = models.parse_batch(models.Song, answer({"items": [SONG | {"name": deep}]}), [str(SONG["uuid"])])
    [told] = found.told.values()
    assert isinstance(told, ContractBroken)
    assert told.field == "items.0.name"
    assert len(str(told)) < 500


@pytest.mark.parametrize(("digits", "refused"), [(19, False), (500, False), (5_000, True), (1_000_000, True)])
def test_numbers_beyond_64_bits(api: LocalApi, client_of: Clients, digits: int, refused: bool) -> None:
    api.says(Said(b'{"items": [], "odd": ' + b"9" * digits + b"}"))
    if refused:
        with pytest.raises(ContractBroken, match=f"{digits} digits"):
            client_of().get(endpoints.SONG, "a")
    else:
        assert client_of().get(endpoints.SONG, "a").data["odd"] > 2**62
    assert len(api.asked) == 1


@pytest.mark.parametrize("number", [2**31, 2**63, -(2**63) - 1, 10**40, 1e300, float("1e308") * 10])
def test_a_number_that_no_column_holds_is_left_out_or_refused(number: float) -> None:
    song = models.parse(models.Song, answer({"object": SONG | {"duration": number, "audio": {"tempo": number}}}))
    assert song.duration is None
    point = {"date": "2026-03-01", "plots": [{"identifier": "a", "value": number * 10**16}]}
    audience = answer({"items": [point]})
    with pytest.raises(ContractBroken, match="items"):
        models.parse(models.SongAudience, audience)


def test_a_body_cut_within_a_number_is_asked_again(api: LocalApi, client_of: Clients) -> None:
    api.says(Said(b'{"items": [], "odd": ' + b"9" * 5_000))
    with pytest.raises((CutAnswer, ContractBroken)):
        client_of().get(endpoints.SONG, "a")


# -- text that steers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 500])
def test_what_the_api_says_steers_no_terminal(
    api: LocalApi, client_of: Clients, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    api.says(Said({"errors": [{"key": STEERING, "code": status, "message": STEERING}]}, status=status))
    with caplog.at_level(logging.DEBUG), pytest.raises(ChartlineError) as refused:
        client_of().get(endpoints.SONG, "a")
    for text in (str(refused.value), caplog.text):
        assert not set(text) & set(STEERING.replace("]0;owned", "").replace("gpj.exe", "").replace("2J", "")), text


def test_an_error_is_one_that_may_stand_in_a_log_whatever_was_given() -> None:
    told = str(BadInput(f"chart: {STEERING}\nday: \ud800\0" + "x" * 10**6))
    assert "\\x1b" in told
    assert "\\u202e" in told
    assert told.count("\n") == 1
    assert all(letter.isprintable() or letter == "\n" for letter in told)
    assert len(told) < 20_000


@pytest.mark.parametrize("key", [STEERING, "a\nb", "a\tb", "", "x" * 256, "\u202edaily"])
def test_a_chart_is_named_by_what_can_be_seen(key: str) -> None:
    chart = {"name": "n", "slug": "s", "platform": "p", "frequency": "daily"}
    listed = models.parse(models.ChartList, answer({"items": [chart, chart, chart | {"slug": key}]}))
    assert [one.slug for one in listed.items] == ["s", "s"]


def test_texts_are_data_whatever_they_would_be_elsewhere() -> None:
    for text in ("<script>alert(1)</script>", "'; drop table track; --", "=1+1", "+1", "-1", "@x", "../../etc/passwd",
                 STEERING, "\u202e", "x" * MIB, "${jndi:ldap://x}", "{{ 7*7 }}", "%s%n"):  # fmt: skip
        song = models.parse(models.Song, answer({"object": SONG | {"name": text, "creditName": text}}))
        assert (song.name, song.credit_name) == (text, text)


# -- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("filler", ["\\", "\\u006", "&#0", "%", "%25", "&#x0"])
def test_a_body_made_to_be_slow_is_looked_through_as_fast_as_any(filler: str) -> None:
    redaction = Redaction()
    redaction.hide(["k3y-of/this+test"])  # pragma: allowlist secret
    body = b'{"echo": "\\u006b k3y-of/this+test ' + filler.encode() * (MIB // len(filler)) + b'"}'
    begun = time.process_time()
    assert b"k3y-of" not in redaction.redact_body(body)
    assert time.process_time() - begun < 5


def test_json_of_many_small_things_is_bounded_by_its_size() -> None:
    body = json.dumps({"items": [[]] * 300_000}).encode()
    with pytest.raises(ContractBroken):
        models.parse(models.SongAudience, answer(json.loads(body)))
