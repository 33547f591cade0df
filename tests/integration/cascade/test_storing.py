"""Whatever storing one thing raises costs that thing alone, and what was paid is booked."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from chartline.cascade import artists, catalogue, ranking, tracks
from chartline.cascade.engine import Engine
from chartline.cascade.resources import RESOURCES
from chartline.cascade.run import Run
from chartline.errors import NotStored
from chartline.warehouse import charts, rankings, raw
from chartline.warehouse.ledger import Batch

from .conftest import Cascade

CHART = "demo-global-daily"
Query = Callable[..., list[tuple[Any, ...]]]

RAISED = [
    ValueError("year 10000 is out of range"),
    OverflowError("int too big"),
    KeyError("name"),
    RecursionError("too deep"),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    psycopg.DataError("value too long"),
    psycopg.errors.ProgramLimitExceeded("index row size 3000 exceeds maximum 2704"),
    psycopg.errors.NotNullViolation("null value in column"),
]


def batches(cascade: Cascade, run: Run, resource: str) -> list[Batch]:
    """The batches of one resource, after what must come before them."""
    planned = tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    if resource != "track_metadata":
        cascade.fetch(run, planned)
        planned = artists.dedupe_artists(run)
    if resource in ("track_audience", "track_airplay"):
        planned = tracks.plan_track_audience(run)
    elif resource not in ("track_metadata", "artist_metadata"):
        cascade.fetch(run, planned)
        planned = artists.plan_artist_audience(run)
    return [batch for batch in planned if batch.resource == resource]


def fetch(cascade: Cascade, run: Run, planned: list[Batch]) -> Counter[str]:
    """What became of the items, each batch run once."""
    ended: Counter[str] = Counter()
    for batch in planned:
        with run.client() as client:
            report = Engine(run.connect, client, run.execution, run.settings).run(batch)
        ended += Counter(items=report.items, ok=report.ok, failed=report.failed)
    return ended


@pytest.mark.parametrize(
    ("resource", "raised"),
    [("track_metadata", raised) for raised in RAISED] + [(resource, RAISED[0]) for resource in RESOURCES],
    ids=lambda one: one if isinstance(one, str) else type(one).__name__,
)
def test_what_storing_one_item_raises_costs_that_item_alone(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch, resource: str, raised: Exception
) -> None:
    cascade.server.service.world = type(cascade.server.service.world)(entries=6, charts=5, artists=8)
    cascade.settings = cascade.settings.model_copy(update={"artist_cities": True})
    run = cascade.open(
        CHART, track_platforms=["spotify", "airplay"], artist_platforms=["spotify", "instagram", "airplay"]
    )
    planned = batches(cascade, run, resource)
    [(odd,)] = query("select min(entity) from fetch_ledger where lease_token = %s::uuid", planned[0].token)
    entry: Any = RESOURCES[resource]

    def store(conn: Any, found: Any, *more: Any) -> Any:
        stored = entry.store(conn, found, *more)
        if any(item.entity == odd for item, _ in found):
            raise raised
        return stored

    monkeypatch.setitem(RESOURCES, resource, dataclasses.replace(entry, store=store))
    ended = fetch(cascade, run, planned)
    hit = query("select count(*) from fetch_ledger where resource = %s and outcome = 'failed'", resource)[0][0]
    assert hit >= 1
    assert ended == Counter(items=ended["items"], ok=ended["items"] - hit, failed=hit)
    told = query("select distinct entity, kind, reason from execution_failure where resource = %s", resource)
    assert {entity for entity, *_ in told} == {odd}
    assert {kind for _, kind, _ in told} <= {"contract_broken", "not_stored"}
    assert all(reason for *_, reason in told)
    assert query("select count(*) from api_call") == [(len(cascade.server.calls()),)]
    assert query("select count(*) > 0 from raw_answer where resource = %s", resource) == [(True,)]


@pytest.mark.parametrize("resource", ["track_audience", "track_metadata"])
def test_what_reading_one_answer_raises_costs_its_items_alone(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch, resource: str
) -> None:
    run = cascade.open(CHART, steps=[resource], track_platforms=["spotify"])
    planned = batches(cascade, run, resource)
    from chartline.soundcharts import models

    read, seen = models._validate, []

    def odd(model: Any, value: Any, answer: Any, *prefix: str) -> Any:
        seen.append(value)
        if len(seen) == 2:
            raise TypeError("nobody thought of this")
        return read(model, value, answer, *prefix)

    monkeypatch.setattr(models, "_validate", odd)
    ended = fetch(cascade, run, planned)
    assert ended["failed"] >= 1
    assert ended["ok"] + ended["failed"] == ended["items"]
    assert ended["failed"] <= 10
    assert query("select distinct kind from execution_failure") == [("not_stored",)]
    assert query("select count(*) from api_call") == [(len(cascade.server.calls()),)]


def test_raw_answers_that_cannot_be_kept_cost_their_items_alone(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = cascade.open(CHART, steps=["track_audience"], track_platforms=["spotify"])
    planned = batches(cascade, run, "track_audience")
    [(odd,)] = query("select min(entity) from fetch_ledger where resource = 'track_audience'")
    keep = raw.keep

    def refuse(conn: Any, answers: list[raw.RawAnswer], execution_id: int | None) -> None:
        if any(answer.entity == odd for answer in answers):
            raise psycopg.DataError("cannot contain NUL")
        keep(conn, answers, execution_id)

    monkeypatch.setattr(raw, "keep", refuse)
    ended = fetch(cascade, run, planned)
    assert ended["failed"] == 1
    assert query("select entity from execution_failure") == [(odd,)]
    assert query("select count(*) from api_call") == [(len(cascade.server.calls()),)]


def test_what_was_paid_is_booked_when_nothing_can_be_stored(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = cascade.open(CHART, steps=["track_audience"], track_platforms=["spotify"])
    planned = batches(cascade, run, "track_audience")
    entry: Any = RESOURCES["track_audience"]

    def full(conn: Any, found: Any) -> int:
        raise psycopg.errors.DiskFull("no space left on device")

    monkeypatch.setitem(RESOURCES, "track_audience", dataclasses.replace(entry, store=full))
    with pytest.raises(psycopg.errors.DiskFull):
        fetch(cascade, run, planned)
    assert query("select count(*) from api_call") == [(len(cascade.server.calls()),)]
    monkeypatch.setitem(RESOURCES, "track_audience", entry)
    assert fetch(cascade, run, planned)["failed"] == 0


def test_a_connection_that_broke_while_storing_is_replaced_to_book_what_was_paid(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = cascade.open(CHART, steps=["track_audience"], track_platforms=["spotify"])
    planned = batches(cascade, run, "track_audience")
    entry: Any = RESOURCES["track_audience"]

    def killed(conn: Any, found: Any) -> int:
        query("select pg_terminate_backend(%s)", conn.info.backend_pid)
        return int(entry.store(conn, found))

    monkeypatch.setitem(RESOURCES, "track_audience", dataclasses.replace(entry, store=killed))
    with pytest.raises(psycopg.OperationalError):
        fetch(cascade, run, planned)
    assert query("select count(*) from api_call") == [(len(cascade.server.calls()),)]


@pytest.mark.parametrize("raised", RAISED[:2] + RAISED[-2:], ids=lambda error: type(error).__name__)
def test_what_storing_one_ranking_raises_costs_that_day_alone(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    days = sorted(cascade.server.service.world.days(CHART, cascade.server.service.clock.now())[:4])
    run = cascade.open(CHART, interval=(days, False), steps=["track_metadata"])
    store = rankings.store_all

    def odd(conn: Any, chart_id: int, fetched: Any) -> Any:
        done = store(conn, chart_id, fetched)
        if any(one.pages[0].date == days[1] for one in fetched):
            raise raised
        return done

    monkeypatch.setattr(rankings, "store_all", odd)
    tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    stored = [day for (day,) in query("select day from chart_ranking order by day")]
    assert stored == [days[0], days[2], days[3]]
    assert query("select facet from execution_failure") == [(days[1].isoformat(),)]
    assert query("select count(*) from api_call") == [(len(cascade.server.calls()),)]


@pytest.mark.parametrize("raised", RAISED[:2], ids=lambda error: type(error).__name__)
def test_what_keeping_one_ranking_raises_costs_that_day_alone(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    days = sorted(cascade.server.service.world.days(CHART, cascade.server.service.clock.now())[:4])
    run = cascade.open(CHART, interval=(days, False))
    keep = raw.keep

    def odd(conn: Any, answers: list[raw.RawAnswer], execution_id: int | None) -> None:
        if any((answer.resource, answer.facet) == ("ranking", days[1].isoformat()) for answer in answers):
            raise raised
        keep(conn, answers, execution_id)

    monkeypatch.setattr(raw, "keep", odd)
    have = ranking.fetch_ranking(run, last_try=True)
    assert have == [day.isoformat() for day in (days[0], days[2], days[3])]
    assert query("select facet, kind from execution_failure") == [(days[1].isoformat(), "not_stored")]
    assert query("select count(*) from api_call") == [(len(cascade.server.calls()),)]


def test_a_calendar_that_cannot_be_stored_is_named_and_booked(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = cascade.server.service.world.days(CHART, cascade.server.service.clock.now())[3]

    def odd(*args: Any) -> int:
        raise OverflowError("date value out of range")

    monkeypatch.setattr(rankings, "store_calendar", odd)
    with pytest.raises(NotStored, match="date value out of range"):
        ranking.fetch_ranking(cascade.open(CHART, day=day.isoformat()))
    assert query("select count(*) from api_call") == [(len(cascade.server.calls()),)]
    assert query("select resource from raw_answer") == [("broken_calendar",)]
    assert query("select outcome, error_kind from fetch_ledger where resource = 'calendar'") == [
        ("failed", "not_stored")
    ]


def test_rankings_under_way_when_the_warehouse_fails_are_booked(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = sorted(cascade.server.service.world.days(CHART, cascade.server.service.clock.now())[:12])
    tracks.upsert_tracks(run := cascade.open(CHART, day=days[0].isoformat(), steps=[]), ranking.fetch_ranking(run))
    store = rankings.store_calendar

    def killed(conn: Any, *more: Any) -> None:
        query("select pg_terminate_backend(%s)", conn.info.backend_pid)
        store(conn, *more)

    monkeypatch.setattr(rankings, "store_calendar", killed)
    with pytest.raises(psycopg.OperationalError):
        ranking.fetch_ranking(cascade.open(CHART, "r2", interval=(days, False)))
    assert len(cascade.server.calls()) > 2
    assert query("select count(*) from api_call") == [(len(cascade.server.calls()),)]


@pytest.mark.parametrize("raised", RAISED[-2:], ids=lambda error: type(error).__name__)
def test_what_storing_one_chart_of_the_catalogue_raises_costs_that_chart_alone(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    slugs = sorted(chart.slug for chart in cascade.server.service.world.charts())
    store = charts.upsert_charts

    def odd(conn: Any, some: Any) -> Any:
        done = store(conn, some)
        if any(chart.slug == slugs[0] for chart in some):
            raise raised
        return done

    monkeypatch.setattr(charts, "upsert_charts", odd)
    with cascade.connect() as conn, cascade.client() as client:
        report = catalogue.refresh(conn, client)
    assert list(report.failed) == [slugs[0]]
    assert sorted(slug for (slug,) in query("select slug from chart")) == slugs[1:]
    assert report.calls == len(cascade.server.calls()) == query("select count(*) from api_call")[0][0]


def test_a_list_of_platforms_that_cannot_be_stored_is_named_and_booked(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = charts.upsert_platforms

    def odd(conn: Any, listed: Any, at: Any, **serves: bool) -> Any:
        if "serves_artist_listening" in serves:
            raise ValueError("nobody thought of this")
        return store(conn, listed, at, **serves)

    monkeypatch.setattr(charts, "upsert_platforms", odd)
    with cascade.connect() as conn, cascade.client() as client:
        report = catalogue.refresh(conn, client)
    assert list(report.failed) == ["streaming_platforms"]
    assert report.calls == len(cascade.server.calls()) == query("select count(*) from api_call")[0][0]


def test_a_call_record_is_not_lost_with_a_reason_that_holds_what_the_warehouse_cannot(query: Query) -> None:
    from chartline.errors import RequestRefused

    assert str(RequestRefused("Soundcharts says: a\0b \ud800", advice="Look.")) == "Soundcharts says: ab ? Look."
