"""The drift of answers: what appears, goes, changes type, and what was odd, summed up in the warehouse."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chartline.soundcharts.calls import Answer
from chartline.soundcharts.drift import Observer
from chartline.warehouse import drift
from chartline.warehouse.connect import Connection, connect

NOW = datetime.now(UTC)


@pytest.fixture
def conn(warehouse: Connection) -> Connection:
    warehouse.autocommit = True
    return warehouse


def keep(conn: Connection, *objects: Any, endpoint: str = "song") -> None:
    """Answers with one object each."""
    observer = Observer()
    for one in objects:
        observer.look(Answer(endpoint, "/p", {"object": one}, b"", (), NOW))
    with conn.transaction():
        drift.keep(conn, observer.take())


def days_pass(conn: Connection, days: int = 2) -> None:
    for table in ("answer_field", "answer_field_type"):
        conn.execute(f"update {table} set first_seen_at = first_seen_at - make_interval(days => {days})")


def found(conn: Connection, **asked: Any) -> list[tuple[str, str, str]]:
    return [(one.kind, one.path, one.found) for one in drift.listed(conn, **asked)[0]]


def test_what_is_there_from_the_first_is_no_drift(conn: Connection) -> None:
    keep(conn, {"name": "A", "isrc": None}, {"name": 5, "later": True})
    assert found(conn) == []


def test_a_field_that_appears_and_a_type_that_is_new(conn: Connection) -> None:
    keep(conn, *[{"name": "A", "isrc": None}] * 5)
    days_pass(conn)
    keep(conn, {"name": "A", "isrc": {"value": "X"}, "moods": ["calm"]}, {"name": 7, "isrc": None})
    assert set(found(conn)) == {("appeared", "object.isrc.value", "string a"), ("appeared", "object.moods", "array"),
                                ("type", "object.name", "number 9")}  # fmt: skip
    assert found(conn, kind=["type"]) == [("type", "object.name", "number 9")]
    assert found(conn, endpoint="artist") == []
    assert found(conn, since=datetime.now(UTC) + timedelta(days=1)) == []


def test_a_field_that_always_came_and_is_gone_and_comes_back(conn: Connection) -> None:
    whole, less = {"name": "A", "copyright": "x"}, {"name": "A"}
    keep(conn, *[whole] * 400)
    keep(conn, *[less] * 400)
    assert found(conn, kind=["gone"]) == [], "it was not known long enough to say that it always comes"
    conn.execute("truncate answer_field, answer_field_type")
    keep(conn, *[whole] * 400)
    days_pass(conn)
    keep(conn, whole)
    keep(conn, *[less] * 100)
    assert found(conn, kind=["gone"]) == [], "a hundred are not most of the last few hundred"
    keep(conn, *[less] * 300)
    assert found(conn, kind=["gone"]) == [("gone", "object.copyright", "")]
    [(since,)] = conn.execute("select gone_since from answer_field where gone_since is not null").fetchall()
    keep(conn, *[less] * 3000)
    assert conn.execute("select gone_since from answer_field where gone_since is not null").fetchall() == [(since,)]
    keep(conn, *[whole] * 2000)
    assert found(conn, kind=["gone"]) == []


def test_a_field_that_came_now_and_then_is_not_missed(conn: Connection) -> None:
    keep(conn, *[{"name": "A", "label": "x"}, {"name": "A"}] * 300)
    days_pass(conn)
    keep(conn, *[{"name": "A"}] * 3000)
    assert found(conn, kind=["gone"]) == []


def test_an_object_that_is_gone_is_missed_and_its_fields_are_not_counted(conn: Connection) -> None:
    keep(conn, *[{"audio": {"tempo": 1}}] * 400)
    days_pass(conn)
    keep(conn, {"audio": {"tempo": 1}})
    keep(conn, *[{}] * 400)
    assert found(conn, kind=["gone"]) == [("gone", "object.audio", "")]


def test_a_table_does_not_grow_without_end(conn: Connection) -> None:
    for part in range(6):
        observer = Observer()
        for n in range(300):
            one = Answer("song", "/p", {f"key{chr(97 + n % 26)}{chr(97 + n // 26)}{chr(97 + part)}": 1}, b"", (), NOW)
            observer.look(one)
        with conn.transaction():
            drift.keep(conn, observer.take())
    [(fields,)] = conn.execute("select count(*) from answer_field").fetchall()
    assert fields <= drift.PATHS + 300
    [(types,)] = conn.execute("select count(*) from answer_field_type").fetchall()
    assert types <= fields


def odd(conn: Connection, *found: str) -> None:
    seen = Observer().take()
    for one in found:
        seen.odd["song", "object.audio", "unread", one] += 2
        seen.examples["song", "object.audio", "unread", one] = "/api/v2.25/song/x"
    with conn.transaction():
        drift.keep(conn, seen)


def test_oddities_are_summed_up_and_told_with_when(conn: Connection) -> None:
    odd(conn, "empty array")
    odd(conn, "empty array", "string a")
    told = {one.found: one for one in drift.listed(conn)[0]}
    assert {found: one.seen for found, one in told.items()} == {"empty array": 4, "string a": 2}
    assert told["empty array"].first_seen_at <= told["empty array"].last_seen_at <= datetime.now(UTC)
    assert told["empty array"].example == "/api/v2.25/song/x"
    standing = drift.standing(conn, datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC))
    assert [(one.kind, one.count, one.names) for one in standing] == [("unread", 2, ["song object.audio"] * 2)]


def test_so_many_oddities_are_told_as_others(conn: Connection) -> None:
    odd(conn, *(f"string {n}" for n in range(drift.ODDITIES)))
    odd(conn, "string new", "string 1", "string other")
    told = {one.found: one.seen for one in drift.listed(conn, limit=1000)[0]}
    assert len(told) == drift.ODDITIES + 1
    assert (told[drift.OTHERS], told["string 1"]) == (4, 4)


def test_many_processes_at_once_lose_nothing(conn: Connection, warehouse_url: str) -> None:
    def work(number: int) -> None:
        with connect(warehouse_url) as own:
            own.autocommit = True
            for _ in range(5):
                keep(own, *[{"name": "A", "isrc": "x", f"k{chr(97 + number)}": 1}] * 10)
                odd(own, "empty array")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert conn.execute("select came from answer_field where path = 'object.name'").fetchall() == [(200,)]
    assert [one.seen for one in drift.listed(conn, kind=["unread"])[0]] == [40]
