from __future__ import annotations

import threading
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chartline.warehouse.charts import PLATFORM_STUB
from chartline.warehouse.connect import connect
from chartline.warehouse.merge import Merged, merge, replace
from chartline.warehouse.tables import ARTIST, CHART, TRACK, TRACK_AUDIENCE, TRACK_CREDIT

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def track(number: int, **more: Any) -> dict[str, Any]:
    return {"uuid": str(uuid.UUID(int=number)), "name": f"Track {number}"} | more


def rows(conn: psycopg.Connection, query: str) -> list[tuple[Any, ...]]:
    return conn.execute(query).fetchall()


def test_rows_are_made_changed_or_left_alone_and_counted_so(warehouse: psycopg.Connection) -> None:
    assert merge(warehouse, TRACK, [track(1), track(2), track(3)]) == Merged(3, 0)
    warehouse.commit()
    before = rows(warehouse, "select uuid, updated_at, xmin::text from track order by uuid")
    assert merge(warehouse, TRACK, [track(1), track(2, name="Other"), track(4)]) == Merged(1, 1)
    warehouse.commit()
    after = rows(warehouse, "select uuid, updated_at, xmin::text from track order by uuid")
    assert after[0][1] == before[0][1]
    assert after[1][1] > before[1][1]
    assert after[2] == before[2]
    assert rows(warehouse, "select name from track order by uuid") == [
        ("Track 1",), ("Other",), ("Track 3",), ("Track 4",),
    ]  # fmt: skip


def test_counts_are_right_within_one_transaction(warehouse: psycopg.Connection) -> None:
    assert merge(warehouse, TRACK, [track(1)]) == Merged(1, 0)
    assert merge(warehouse, TRACK, [track(1, name="Other"), track(2)]) == Merged(1, 1)
    assert merge(warehouse, TRACK, [track(1, name="Other"), track(2)]) == Merged(0, 0)
    assert merge(warehouse, ARTIST, []) == Merged()


def test_nothing_is_blanked_by_a_thinner_answer(warehouse: psycopg.Connection) -> None:
    merge(warehouse, TRACK, [track(1, isrc="XX1", duration=194, iswcs=["T-1", "T-2"])])
    assert merge(warehouse, TRACK, [track(1, isrc=None, duration=None, iswcs=None)]) == Merged()
    assert merge(warehouse, TRACK, [track(1)]) == Merged()
    assert rows(warehouse, "select isrc, duration, iswcs from track") == [("XX1", 194, ["T-1", "T-2"])]


def test_replace_takes_null_and_first_stays(warehouse: psycopg.Connection) -> None:
    merge(warehouse, PLATFORM_STUB, [{"code": "spotify", "name": "Spotify"}])
    merge(warehouse, PLATFORM_STUB, [{"code": "spotify", "name": "Other"}])
    assert rows(warehouse, "select name from platform") == [("Spotify",)]
    chart = {"slug": "a", "name": "A", "platform": "spotify", "frequency": "daily"}
    merge(warehouse, CHART, [chart | {"city_name": "Paris", "capacity": 200}])
    merge(warehouse, CHART, [chart | {"city_name": "", "capacity": None}])
    assert rows(warehouse, "select city_name, capacity from chart") == [("", 200)]


def test_a_later_time_alone_is_no_change(warehouse: psycopg.Connection) -> None:
    merge(warehouse, TRACK, [track(1, metadata_at=NOON)])
    warehouse.commit()
    before = rows(warehouse, "select updated_at from track")
    assert merge(warehouse, TRACK, [track(1, metadata_at=NOON + timedelta(days=30))]) == Merged(0, 0)
    assert merge(warehouse, TRACK, [track(1, metadata_at=NOON)]) == Merged(0, 0)
    assert rows(warehouse, "select metadata_at from track") == [(NOON + timedelta(days=30),)]
    assert rows(warehouse, "select updated_at from track") == before


def test_rows_of_one_key_are_folded_by_the_rules(warehouse: psycopg.Connection) -> None:
    batch = [track(1, name="Old", isrc="XX1"), track(1, name="New", isrc=None), track(2, isrc=None)]
    assert merge(warehouse, TRACK, batch) == Merged(2, 0)
    assert rows(warehouse, "select name, isrc from track order by uuid") == [("New", "XX1"), ("Track 2", None)]


def test_two_spellings_of_one_key_are_one_row_and_the_last_wins(warehouse: psycopg.Connection) -> None:
    spelt = "7d534228-5165-11e9-9375-549f35161576"
    batch = [{"uuid": spelt, "name": "first"}, {"uuid": spelt.upper(), "name": "last"}]
    assert merge(warehouse, TRACK, batch) == Merged(1, 0)
    assert rows(warehouse, "select uuid::text, name from track") == [(spelt, "last")]


@pytest.mark.parametrize(
    "text",
    ["'); drop table track; --", "<script>alert(1)</script>", "\\N", "tab\tnew\nline\\", "ℓ ✓ 𝄞", "=1+1", "%s {0} {}"],
)
def test_text_is_stored_as_text(warehouse: psycopg.Connection, text: str) -> None:
    merge(warehouse, TRACK, [track(1, name=text, iswcs=[text, text])])
    assert rows(warehouse, "select name, iswcs from track") == [(text, [text, text])]


def test_a_column_that_the_merge_does_not_take_is_refused(warehouse: psycopg.Connection) -> None:
    with pytest.raises(ValueError, match="takes no created_at, nonsense"):
        merge(warehouse, TRACK, [track(1, nonsense=1, created_at=NOON)])
    with pytest.raises(ValueError, match=r"differ in their columns: \['isrc'\]"):
        merge(warehouse, TRACK, [track(1), track(2, isrc="X")])


def test_without_a_transaction_it_refuses(warehouse: psycopg.Connection) -> None:
    warehouse.rollback()
    warehouse.autocommit = True
    with pytest.raises(ValueError, match="transaction"):
        merge(warehouse, TRACK, [track(1)])
    with warehouse.transaction():
        assert merge(warehouse, TRACK, [track(1)]) == Merged(1, 0)


def test_a_rolled_back_merge_leaves_nothing_behind(warehouse: psycopg.Connection) -> None:
    merge(warehouse, TRACK, [track(1)])
    warehouse.rollback()
    assert merge(warehouse, TRACK, [track(2)]) == Merged(1, 0)
    assert rows(warehouse, "select name from track") == [("Track 2",)]


def test_a_hundred_thousand_rows_and_beyond_32_bits(warehouse: psycopg.Connection) -> None:
    uuids = [str(uuid.UUID(int=n)) for n in range(1000)]
    batch = [
        {"track": u, "platform": "spotify", "day": date(2026, 10, 1) + timedelta(days=d % 50),
         "identifier": f"i{d // 50}", "value": 2_800_000_000 + d}
        for u in uuids for d in range(100)
    ]  # fmt: skip
    assert merge(warehouse, TRACK_AUDIENCE, batch).written == 100_000
    assert merge(warehouse, TRACK_AUDIENCE, batch).written == 0
    assert rows(warehouse, "select count(*), max(value) from track_audience") == [(100_000, 2_800_000_099)]


def test_replace_takes_away_only_from_owners_that_it_names(warehouse: psycopg.Connection) -> None:
    merge(warehouse, TRACK, [track(1), track(2)])
    one, two = (track(n)["uuid"] for n in (1, 2))

    def credit(of: str, role: str, position: int, name: str) -> dict[str, Any]:
        return {"track": of, "role": role, "position": position, "name": name}

    replace(
        warehouse, TRACK_CREDIT, ("track", "role"),
        [credit(one, "composer", 1, "Ada"), credit(one, "composer", 2, "Bo"), credit(one, "producer", 1, "Cy"),
         credit(two, "composer", 1, "Di")],
    )  # fmt: skip
    replace(warehouse, TRACK_CREDIT, ("track", "role"), [credit(one, "composer", 1, "Bo")])
    replace(warehouse, TRACK_CREDIT, ("track", "role"), [])
    assert rows(warehouse, "select track::text, role, position, name from track_credit order by 1, 2, 3") == [
        (one, "composer", 1, "Bo"), (one, "producer", 1, "Cy"), (two, "composer", 1, "Di"),
    ]  # fmt: skip


answers = st.lists(
    st.fixed_dictionaries(
        {
            "isrc": st.none() | st.sampled_from(["A", "B"]),
            "duration": st.none() | st.integers(1, 3),
            "explicit": st.none() | st.booleans(),
            "iswcs": st.none() | st.just(["T"]),
        }
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=answers, cut=st.lists(st.booleans(), min_size=6, max_size=6))
def test_no_order_of_thin_and_rich_answers_loses_a_value(
    warehouse: psycopg.Connection, answers: list[dict[str, Any]], cut: list[bool]
) -> None:
    """However the answers fall into batches, each column ends at its newest value that was not null."""
    warehouse.rollback()
    batch: list[dict[str, Any]] = []
    for answer, ends_batch in zip(answers, cut, strict=False):
        batch.append(track(1, **answer))
        if ends_batch:
            merge(warehouse, TRACK, batch)
            batch = []
    merge(warehouse, TRACK, batch)
    expected = {
        column: next((a[column] for a in reversed(answers) if a[column] is not None), None)
        for column in ("isrc", "duration", "explicit", "iswcs")
    }
    assert rows(warehouse, "select isrc, duration, explicit, iswcs from track") == [tuple(expected.values())]
    warehouse.rollback()


def test_opposite_orders_do_not_deadlock(warehouse_url: str) -> None:
    """Two connections write the same many rows, one from each end: without one order they would lock each other out."""
    trouble: list[BaseException] = []
    together = threading.Barrier(2)

    def write(step: int) -> None:
        try:
            with connect(warehouse_url) as conn:
                for turn in range(4):
                    batch = [track(n, name=f"{turn} {step}") for n in range(5000)][::step]
                    together.wait(timeout=30)
                    merge(conn, TRACK, batch)
                    conn.commit()
        except BaseException as error:
            trouble.append(error)
            together.abort()

    writers = [threading.Thread(target=write, args=[step]) for step in (1, -1)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert trouble == []
    with connect(warehouse_url) as conn:
        assert rows(conn, "select count(*), count(distinct name) from track") == [(5000, 1)]
