"""A year of a chart with holes torn into it: the audit finds exactly these, and healing costs exactly their calls."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from chartline.gaps import audit as gap_audit
from chartline.gaps import healing
from chartline.gaps.audit import ChartGaps
from chartline.gaps.healing import Heal
from chartline.schedules import service
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse import ledger, raw
from chartline.warehouse.reads import gaps
from simulator.service import Service
from simulator.world import World

from .conftest import ENTRIES, WORLD, Cascade, Server

SLUG = "demo-global-daily"

Query = Callable[..., list[tuple[Any, ...]]]


class Holes:
    """What the year that ended yesterday loses: `torn` days, a `month` and the rows of the day `cut`; the source itself
    never had the days it is `lacking`."""

    def __init__(self, today: date) -> None:
        pick = random.Random(3)
        long_ago = today - timedelta(days=70)
        self.evening = datetime.combine(today, time(20), UTC)
        self.year = [today - timedelta(days=n) for n in range(1, 366)]
        self.month = [day for day in self.year if (day.year, day.month) == (long_ago.year, long_ago.month)]
        self.lacking = set(pick.sample(self.year[40:], 5)) - set(self.month)
        whole = [day for day in self.year if day not in self.month and day not in self.lacking]
        self.torn = set(pick.sample(whole, 20))
        self.cut = next(day for day in self.year[100:] if day in set(whole) - self.torn)


@pytest.fixture
def holes() -> Holes:
    return Holes(datetime.now(UTC).date())


@pytest.fixture
def simulator(holes: Holes) -> Iterator[Server]:
    """Of this evening, when yesterday's ranking is out."""
    server = Server(Service(World(**WORLD, missing_share=0, missing_days={SLUG: sorted(holes.lacking)})))
    server.service.clock.set(holes.evening, frozen=True)
    yield server
    server.stop()


@pytest.fixture
def torn(cascade: Cascade, query: Query, holes: Holes) -> Cascade:
    """A followed chart with its year, of which 20 days, a month and some rows of one ranking are then removed."""
    for at in range(0, 365, 100):
        days = [day.isoformat() for day in holes.year[at : at + 100]]
        cascade.run(SLUG, f"past-{at}", days=days, steps=())
    with cascade.connect() as conn:
        service.add(conn, SLUG, {"sync_historical_data": True, "history_days": 365})
        conn.execute("delete from chart_ranking where day = any(%s)", [[*holes.torn, *holes.month]])
        conn.execute(
            "delete from chart_ranking_entry e using chart_ranking r"
            " where r.id = e.ranking_id and r.day = %s and e.position > %s",
            [holes.cut, ENTRIES - 10],
        )
    return cascade


def audit(cascade: Cascade) -> ChartGaps:
    with cascade.connect() as conn:
        schedules, _ = gap_audit.followed(conn, SLUG)
        (found,) = gap_audit.audit(conn, schedules, datetime.now(UTC))
    return found


def heal(cascade: Cascade, heals: list[Heal]) -> None:
    for number, run in enumerate(heals):
        cascade.run(run.slug, f"heal-{number}-{datetime.now(UTC)}", **run.conf, steps=())


def test_the_audit_finds_exactly_what_was_removed_and_healing_brings_exactly_that(
    torn: Cascade, holes: Holes, query: Query
) -> None:
    found = audit(torn)
    assert set(found.missing) == holes.torn | set(holes.month) - holes.lacking
    assert found.short == (holes.cut,)
    assert set(found.absent) == holes.lacking
    assert found.busy == frozenset()
    with torn.connect() as conn:
        raw.prune(conn, -1)  # nothing of it is kept: each ranking has to be paid for again
    heals, left = healing.plan([found], at_most=1000, window=31)
    assert left == {}
    before = len(torn.server.calls())
    heal(torn, heals)
    made = [call for call in torn.server.calls()[before:] if call.endpoint.startswith("ranking")]
    wanted = holes.torn | set(holes.month) | {holes.cut}
    assert len(made) == len(torn.server.calls()) - before == len(wanted - holes.lacking)
    assert {date.fromisoformat(call.facet[:10]) for call in made} == wanted - holes.lacking
    whole = audit(torn)
    assert (whole.missing, whole.short, set(whole.absent)) == ((), (), holes.lacking)
    assert query("select count(*) from chart_ranking_entry") == [((365 - len(holes.lacking)) * ENTRIES,)]


def test_what_is_kept_raw_heals_without_a_call(torn: Cascade) -> None:
    before = len(torn.server.calls())
    heal(torn, healing.plan([audit(torn)], at_most=1000, window=31)[0])
    assert len(torn.server.calls()) == before
    assert audit(torn).open == []


def test_an_audit_heals_no_more_than_it_may_and_the_next_takes_the_rest(torn: Cascade) -> None:
    first = audit(torn).open
    heals, left = healing.plan([audit(torn)], at_most=30, window=31)
    assert left == {SLUG: len(first) - 30}
    heal(torn, heals)
    assert audit(torn).open == first[30:]


def test_months_show_where_the_holes_are(torn: Cascade, holes: Holes) -> None:
    months = {one.month: one for one in audit(torn).months}
    assert sum(one.missing for one in months.values()) == len((holes.torn | set(holes.month)) - holes.lacking)
    of_the_month = months[holes.month[0].replace(day=1)]
    assert (of_the_month.stored, of_the_month.missing) == (0, of_the_month.listed)
    assert months[holes.cut.replace(day=1)].short == 1
    assert sum(one.listed for one in months.values()) == 365 - len(holes.lacking)


def test_calendars_are_brought_up_to_date_with_few_calls_and_one_failing_chart_does_not_stop_the_others(
    cascade: Cascade,
) -> None:
    with cascade.connect() as conn:
        cascade.run(SLUG, steps=())
        cascade.run("demo-france-daily", steps=())
        for slug in (SLUG, "demo-france-daily"):
            service.add(conn, slug, {"sync_historical_data": True})
        conn.execute("update chart set slug = 'no-such-chart' where slug = 'demo-france-daily'")
        followed, _ = gap_audit.followed(conn)

    def refresh() -> healing.Refreshed:
        with cascade.client() as client:
            return healing.refresh_calendars(
                cascade.connect, client, followed, cascade.settings, "chartline.gap_audit/r"
            )

    first = refresh()
    assert list(first.failed) == ["no-such-chart"]
    assert "unknown_chart" in first.failed["no-such-chart"]
    with cascade.connect() as conn:
        wanted = gap_audit.wanted(followed[0], cascade.server.service.clock.now())[0]
        listed = cascade.server.service.world.days(SLUG, cascade.server.service.clock.now())
        there = [day for day in listed if day >= wanted]
        assert {*gaps.listed_days(conn, followed[0].chart_id)} >= {*there}
    assert first.calls == len(there) // 100 + 1 + 1 < len(listed) // 100
    again = refresh()
    assert again.calls == 1  # only the one that failed is asked for again


def test_a_list_that_is_read_to_its_end_does_not_free_one_that_is_being_read(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = "demo-france-daily"
    with cascade.connect() as conn:
        for slug in (SLUG, slow):
            cascade.run(slug, steps=())
            service.add(conn, slug, {"sync_historical_data": True})
        followed, _ = gap_audit.followed(conn)
    get, release, freed, held = SoundchartsClient.get, ledger.release, threading.Event(), []

    def slowly(self: SoundchartsClient, endpoint: Any, slug: str, **named: Any) -> Any:
        if slug == slow:
            assert freed.wait(60)
            held.extend(
                query("select lease_until > now() from fetch_ledger where resource = 'calendar' and entity = %s", slug)
            )
        return get(self, endpoint, slug, **named)

    def noted(*args: Any) -> int:
        count = release(*args)
        freed.set()
        return count

    monkeypatch.setattr(SoundchartsClient, "get", slowly)
    monkeypatch.setattr(ledger, "release", noted)
    with cascade.client() as client:
        assert healing.refresh_calendars(cascade.connect, client, followed, cascade.settings, "audit").failed == {}
    assert set(held) == {(True,)}
