"""A batch of metadata that comes short: what is left out is asked again, and absent is only what the API says is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chartline.cascade import ranking, tracks
from chartline.cascade.report import RunFailed
from chartline.settings import Settings
from simulator.compare import compare

from .conftest import ENTRIES, Cascade, Rewrite

CHART = "demo-global-daily"
Query = Callable[..., list[tuple[Any, ...]]]
METADATA: dict[str, Any] = {"steps": ["track_metadata", "artist_metadata"]}
TRACKS: dict[str, Any] = {"steps": ["track_metadata"]}
BATCHES = ENTRIES // 10


def different(cascade: Cascade) -> dict[str, Any]:
    parts = compare(cascade.server.service.world, cascade.warehouse_url)
    return {p.name: (p.missing, p.unexpected, p.different) for p in parts if not p.equal}


def asked(cascade: Cascade, endpoint: str = "song") -> list[Any]:
    return [call for call in cascade.server.calls() if call.endpoint == endpoint]


def alone(cascade: Cascade, endpoint: str = "song") -> Counter[str]:
    return Counter(call.entity for call in asked(cascade, endpoint) if "," not in call.entity)


def a_week_later(cascade: Cascade) -> None:
    with cascade.connect() as conn:
        conn.execute("update fetch_ledger set due_at = due_at - %s where due_at < 'infinity' and due_at > '-infinity'",
                     [timedelta(days=8)])  # fmt: skip


def test_what_a_short_answer_lacks_is_asked_again_at_once(cascade: Cascade, query: Query) -> None:
    short = {"kind": "short_page", "match": {"endpoint": "song"}}
    cascade.server.set(faults=[short, short | {"match": {"endpoint": "artist"}}])
    row = cascade.run(CHART, **METADATA)
    assert (row["status"], row["failures"]) == ("complete", {})
    assert query("select count(*) from fetch_ledger where outcome <> 'ok'") == [(0,)]
    assert different(cascade) == {}
    assert (len(asked(cascade)), sum(alone(cascade).values())) == (2 * BATCHES, BATCHES), "one more for each short one"
    assert query("select count(*) from api_call") == [(len(cascade.server.calls()),)]
    assert cascade.run(CHART, "r2", **METADATA)["calls"] <= 1


def left_out(path: str, body: dict[str, Any], lacks: Callable[[int], bool], *, total: int | None) -> None:
    """Of an answer about several: those whose place `lacks` are gone; `total`: what it says then (None: nothing)."""
    if "/v2.25/song/" in path and "," in path and "items" in body:
        body["items"] = [item for place, item in enumerate(body["items"]) if not lacks(place)]
        body["page"] = None if total is None else body["page"] | {"total": total or body["page"]["total"]}


@pytest.mark.parametrize(
    ("lacks", "told", "calls"),
    [
        (lambda place: place == 3, 0, 2),
        (lambda place: place >= 5, 0, 2),
        (lambda place: place == 3, None, 2),
        (lambda place: place == 3, 9, 2),
        (lambda place: place >= 7, None, 4),
        (lambda place: True, None, 11),
    ],
    ids=["one", "half", "one, untold", "one, and the total agrees", "some, untold", "all, untold"],
)
def test_whatever_is_lost_on_the_way_comes_in_the_end(
    cascade: Cascade,
    rewrite: Callable[[Rewrite], None],
    lacks: Callable[[int], bool],
    told: int | None,
    calls: int,
) -> None:
    rewrite(lambda path, body: left_out(path, body, lacks, total=told))
    assert cascade.run(CHART, **TRACKS)["status"] == "complete"
    assert different(cascade) == {}
    assert len(asked(cascade)) == calls * BATCHES


def test_an_answer_that_is_empty_and_says_it_is_short_is_asked_again_in_halves(
    cascade: Cascade, rewrite: Callable[[Rewrite], None]
) -> None:
    rewrite(lambda path, body: left_out(path, body, lambda place: path.count(",") > 5, total=0))
    assert cascade.run(CHART, **TRACKS)["status"] == "complete"
    assert different(cascade) == {}
    assert len(asked(cascade)) == 3 * BATCHES


def test_what_the_api_does_not_know_is_asked_alone_once_before_it_is_believed(cascade: Cascade, query: Query) -> None:
    cascade.server.set(
        faults=[{"kind": "status", "status": 404, "per": "entity", "share": 0.1, "match": {"endpoint": "song"}}]
    )
    row = cascade.run(CHART, **TRACKS)
    absent = {uuid for (uuid,) in query("select entity from fetch_ledger where outcome = 'absent'")}
    assert (row["status"], row["failures"]) == ("partial", {"not_found": len(absent)})
    assert alone(cascade) == dict.fromkeys(absent, 1)
    assert len(asked(cascade)) == BATCHES + len(absent)
    parts = compare(cascade.server.service.world, cascade.warehouse_url, settings=cascade.server.service.settings)
    assert [part.name for part in parts if not part.equal] == [], "the simulator itself says that they are absent"

    a_week_later(cascade)
    cascade.run(CHART, "r2", **TRACKS)
    assert alone(cascade) == dict.fromkeys(absent, 1), "it was absent before, and is left out again"
    cascade.server.set(faults=[])
    a_week_later(cascade)
    assert cascade.run(CHART, "r3", **TRACKS)["status"] == "complete"
    assert different(cascade) == {}


def test_what_even_alone_is_said_to_be_there_and_never_comes_is_failed_and_not_absent(
    cascade: Cascade, query: Query, rewrite: Callable[[Rewrite], None]
) -> None:
    world = cascade.server.service.world
    [lost, *_] = sorted(world.tracks_of(CHART, world.days(CHART, cascade.server.service.clock.now())[0]))

    def change(path: str, body: dict[str, Any]) -> None:
        if "/v2.25/song/" in path and lost in path:
            items = body.get("items") or [body["object"]]
            body.clear()
            body |= {"items": [one for one in items if one["uuid"] != lost], "page": {"total": len(items)}}

    rewrite(change)
    cascade.settings = Settings(connections=4, call_retries=1, pool_fetch=2, failure_share=1.0)
    row = cascade.run(CHART, **TRACKS)
    assert (row["status"], row["failures"]) == ("partial", {"short_answer": 1})
    ended = query("select entity, outcome, error_kind, due_at <= now() from fetch_ledger where outcome <> 'ok'")
    assert ended == [(lost, "failed", "short_answer", True)]
    [known] = [p.known for p in compare(world, cascade.warehouse_url) if p.name == "tracks"]
    assert known == {"failed short_answer": 1}
    assert alone(cascade) == {lost: 1}


def test_what_is_left_out_when_the_quota_ends_is_deferred(cascade: Cascade, query: Query) -> None:
    cascade.settings = Settings(connections=1, call_retries=1, pool_fetch=1)
    short = {"kind": "short_page", "match": {"endpoint": "song"}}
    cascade.server.set(faults=[short], quota=1 + BATCHES + 1)
    row = cascade.run(CHART, **TRACKS)
    assert (row["status"], row["deferred"]) == ("deferred", BATCHES - 1)
    cascade.server.set(faults=[], quota=100)
    assert cascade.run(CHART, "r2", **TRACKS)["status"] == "complete"
    assert different(cascade) == {}


def test_answers_are_stored_before_what_they_left_out_is_asked(cascade: Cascade, query: Query) -> None:
    """A kill loses the calls in flight alone, also of what is asked again."""
    cascade.settings = Settings(connections=1, call_retries=0, pool_fetch=1)
    run = cascade.open(CHART, **TRACKS)
    batches = tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    cascade.server.set(
        faults=[
            {"kind": "short_page", "match": {"endpoint": "song", "entity": "*"}, "times": BATCHES},
            {"kind": "status", "status": 403, "match": {"endpoint": "song"}},
        ]
    )
    with pytest.raises(Exception, match="plan"):
        cascade.fetch(run, batches)
    assert query("select count(*) from track where metadata_at is not null") == [(ENTRIES - BATCHES,)]
    cascade.server.set(faults=[])
    cascade.fetch(run, batches)
    assert different(cascade) == {}


def test_a_run_that_lacks_some_does_not_call_itself_complete(
    cascade: Cascade, rewrite: Callable[[Rewrite], None]
) -> None:
    def change(path: str, body: dict[str, Any]) -> None:
        if "/v2.25/song/" in path:
            items = body.get("items") or [body["object"]]
            body.clear()
            body |= {"items": [], "page": {"total": len(items)}}

    rewrite(change)
    with pytest.raises(RunFailed, match="short_answer"):
        cascade.run(CHART, **TRACKS)
