"""What is counted of answers: fields, types, oddities. No value is kept, nothing grows without end."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartline.errors import ContractBroken
from chartline.soundcharts import drift, models
from chartline.soundcharts.calls import Answer, Call

UUID = "0f3c1a52-77aa-4f5e-9f0b-1c2d3e4f5a6b"


def answer(data: Any, *, again: bool = False) -> Answer:
    call = Call(datetime.now(UTC), "song", "", "", 200, 1, 2, None, None)
    body = json.dumps(data).encode()
    return Answer("song", "/api/v2.25/song/x", data, body, () if again else (call,), datetime.now(UTC))


def looked(*bodies: Any) -> drift.DriftCounts:
    observer = drift.Observer()
    for body in bodies:
        observer.look(answer(body))
    return observer.take()


def test_fields_are_counted_by_object_and_type() -> None:
    seen = looked({"object": {"name": "A", "n": 1, "tags": ["x", None]}}, {"object": {"name": None, "n": 1.5}})
    assert seen.came == {
        ("song", ""): 2, ("song", "object"): 2, ("song", "object.name"): 2, ("song", "object.n"): 2,
        ("song", "object.tags"): 1,
    }  # fmt: skip
    assert {key[1:]: count for key, count in seen.types.items()} == {
        ("object", "object"): 2, ("object.name", "string"): 1, ("object.name", "null"): 1, ("object.n", "number"): 2,
        ("object.tags", "array"): 1, ("object.tags[]", "string"): 1, ("object.tags[]", "null"): 1,
    }  # fmt: skip
    assert seen.parents["song", "object.name"] == "object"


def test_of_a_long_list_a_few_elements_are_looked_at() -> None:
    seen = looked({"items": [{"song": {"uuid": n}} for n in range(500)]})
    assert seen.came["song", "items[].song.uuid"] == seen.came["song", "items[].song"] == drift.ELEMENTS


def test_no_value_is_kept() -> None:
    secret = "Bearer s3cr3t-T0ken"  # pragma: allowlist secret
    seen = looked({"headers": {"authorization": secret, secret: secret}, "list": [secret], "n": 123456})
    told = repr(seen)
    assert secret not in told
    assert "s3cr3t" not in told
    assert "123456" not in told
    assert seen.samples["song", "headers.authorization", "string"] == "string aaaaaa a9aa9a-a9aaa"
    assert ("song", "headers.*") in seen.came


def test_names_for_keys_do_not_fill_the_memory() -> None:
    seen = looked(
        {
            "by_day": {f"2026-01-{n:02d}": {"v": 1} for n in range(1, 30)},
            **{f"k{'x' * (n % 40)}{n // 40}": 1 for n in range(900)},
        }
    )
    assert ("song", "by_day.*.v") in seen.came
    assert len(seen.parents) <= drift.PATHS


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=30,
    )
)
def test_anything_can_be_looked_at(data: Any) -> None:
    seen = looked({"items": data})
    assert seen.came["song", ""] == 1


def test_deep_answers_are_looked_at_as_far_as_is_useful() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = {"a": deep}
    assert len(looked({"items": deep}).came) <= drift.DEPTH + 3


def test_oddities_are_counted_once_for_an_answer_and_never_for_one_that_is_read_again() -> None:
    given_ = {"object": {"uuid": UUID, "name": "A", "releaseDate": "soon", "audio": [], "duration": {"a": 1}}}
    one = answer(given_)
    for _ in range(3):
        models.parse(models.Song, one)
    models.parse(models.Song, answer(given_, again=True))
    models.parse(models.Song, answer(given_))
    seen = drift.SEEN.take()
    assert seen.odd == {
        ("song", "object.releaseDate", "unread", "string aaaa"): 2,
        ("song", "object.audio", "unread", "empty array"): 2,
        ("song", "object.duration", "unread", "object"): 2,
    }
    assert set(seen.examples.values()) == {"/api/v2.25/song/x"}


def test_what_refuses_an_item_is_told_too_and_what_is_told_in_part() -> None:
    with pytest.raises(ContractBroken):
        models.parse(models.Song, answer({"object": {"uuid": "x" * 80, "name": "A"}}))
    models.parse(models.Song, answer({"object": {"uuid": UUID, "name": "A", "releaseDate": "1965-05"}}))
    assert set(drift.SEEN.take().odd) == {
        ("song", "object.uuid", "refused", f"string {'a' * 25}…"), ("song", "object.releaseDate", "in_part", "month"),
    }  # fmt: skip


def test_threads_count_together() -> None:
    observer = drift.Observer()

    def look() -> None:
        for _ in range(200):
            observer.look(answer({"object": {"name": "A"}}))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert observer.take().came["song", "object.name"] == 800
