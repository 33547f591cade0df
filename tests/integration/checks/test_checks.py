"""What each check finds, that it finds nothing in a year of clean data, and what becomes of its findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.conftest import TEMPLATE, _database
from tests.integration.cascade.conftest import Cascade, Server

from chartline import cli
from chartline.checks import looking
from chartline.checks.registry import BY_NAME, CHECKS
from chartline.local.postgres import LocalPostgres
from chartline.warehouse import checks
from chartline.warehouse.connect import Connection, connect
from simulator.service import Service
from simulator.world import World

CHART, OTHER = "demo-global-daily", "demo-shazam-daily"
ENTRIES, DAYS = 30, 30
WORLD: dict[str, Any] = {"entries": ENTRIES, "charts": 3, "album_charts": 0, "artists": 60}

Plant = Callable[[Connection, int, date], object]


@pytest.fixture(scope="module")
def simulated() -> Iterator[Server]:
    server = Server(Service(World(**WORLD)))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def month(postgres: LocalPostgres, simulated: Server) -> Iterator[str]:
    """A warehouse with a month of a chart and the audience of its newest day, looked at."""
    with _database(postgres, TEMPLATE) as url:
        cascade = Cascade(url, simulated)
        days = simulated.service.world.days(CHART, simulated.service.clock.now())[:DAYS]
        cascade.run(CHART, "now")
        cascade.run(CHART, "past", days=[day.isoformat() for day in days[1:]])
        with cascade.connect() as conn:
            assert looking.look(conn).opened == 0
        yield url


@pytest.fixture
def conn(month: str, postgres: LocalPostgres) -> Iterator[Connection]:
    """A copy of it for one test."""
    with _database(postgres, str(conninfo_to_dict(month)["dbname"])) as url, connect(url) as own:
        own.autocommit = True
        yield own


# -- one way to spoil what is stored for each check -----------------------------------------------------------


def lose_an_entry(conn: Connection, ranking: int, day: date) -> None:
    conn.execute("delete from chartline.chart_ranking_entry where ranking_id = %s and position = 3", [ranking])


def lose_a_position(conn: Connection, ranking: int, day: date) -> None:
    lose_an_entry(conn, ranking, day)
    conn.execute("update chartline.chart_ranking set total = total - 1, entries = entries - 1 where id = %s", [ranking])


def double_a_track(conn: Connection, ranking: int, day: date) -> None:
    conn.execute(
        """update chartline.chart_ranking_entry set track = (
               select track from chartline.chart_ranking_entry where ranking_id = %s and position = 1)
           where ranking_id = %s and position = 2""",
        [ranking, ranking],
    )


def replace_most_tracks(conn: Connection, ranking: int, day: date) -> None:
    conn.execute(
        """with new as (insert into chartline.track (uuid, name)
                        select gen_random_uuid(), 'New ' || n from generate_series(1, 25) as n
                        returning uuid, substr(name, 5)::int as position)
           select count(*) from new"""
    )
    conn.execute(
        """update chartline.chart_ranking_entry e set track = t.uuid, old_position = 0
           from chartline.track t where e.ranking_id = %s and t.name = 'New ' || e.position""",
        [ranking],
    )


def cut_it_short(conn: Connection, ranking: int, day: date) -> None:
    conn.execute("delete from chartline.chart_ranking_entry where ranking_id = %s and position > 10", [ranking])
    conn.execute("update chartline.chart_ranking set total = 10, entries = 10 where id = %s", [ranking])


def empty_a_field(conn: Connection, ranking: int, day: date) -> None:
    conn.execute("update chartline.chart_ranking_entry set metric = null where ranking_id = %s", [ranking])


def shift_the_day_before(conn: Connection, ranking: int, day: date) -> None:
    conn.execute(
        """update chartline.chart_ranking_entry e set position = 1000 + position from chartline.chart_ranking r
           where r.id = e.ranking_id and r.day = %s""",
        [day - timedelta(days=1)],
    )
    conn.execute(
        """update chartline.chart_ranking_entry e set position = 1 + (position - 1000) %% 30
           from chartline.chart_ranking r where r.id = e.ranking_id and r.day = %s""",
        [day - timedelta(days=1)],
    )


def take_a_day_from_the_calendar(conn: Connection, ranking: int, day: date) -> None:
    conn.execute("delete from chartline.chart_calendar where day = %s", [day])


def let_counts_fall(conn: Connection, ranking: int, day: date) -> None:
    conn.execute(
        """update chartline.track_audience set value = value / 2
           where (track, platform) in (select track, platform from chartline.track_audience where platform = 'spotify'
                                       and day = current_date - 10 order by value desc limit 15)
             and day >= current_date - 5"""
    )


def stop_a_platform(conn: Connection, ranking: int, day: date) -> None:
    conn.execute(
        """update chartline.fetch_ledger set covered_to = covered_to - 20
           where resource = 'track_audience' and facet = 'spotify'"""
    )


def count_plays_twice(conn: Connection, ranking: int, day: date) -> None:
    conn.execute(
        """insert into chartline.track_airplay (track, from_day, to_day, radio, plays)
           select track, to_day, to_day, radio, plays from chartline.track_airplay order by 1, 2, 3, 4 limit 1"""
    )


PLANTS: dict[str, Plant] = {
    "total": lose_an_entry,
    "missing_positions": lose_a_position,
    "doubled_tracks": double_a_track,
    "turnover": replace_most_tracks,
    "length": cut_it_short,
    "nulls": empty_a_field,
    "contradiction": shift_the_day_before,
    "calendar": take_a_day_from_the_calendar,
    "falling_counts": let_counts_fall,
    "stopped_series": stop_a_platform,
    "doubled_airplay": count_plays_twice,
}


def target(conn: Connection) -> tuple[int, date]:
    """A ranking in the middle of the month, with the days beside it."""
    rows = conn.execute("select id, day from chartline.chart_ranking order by day").fetchall()
    ranking, day = rows[len(rows) // 2]
    return int(ranking), day


def fetched_anew(conn: Connection) -> None:
    """All that is stored counts as new."""
    conn.execute("update chartline.chart_ranking set fetched_at = fetched_at + interval '1 second'")
    conn.execute("delete from chartline.watermark")


def open_findings(conn: Connection) -> list[checks.DataFinding]:
    return checks.listed(conn, limit=1000)[0]


def test_there_is_a_plant_for_each_check() -> None:
    assert set(PLANTS) == set(BY_NAME)


@pytest.mark.parametrize("name", BY_NAME)
def test_what_is_planted_is_found_once_and_only_there(conn: Connection, name: str) -> None:
    ranking, day = target(conn)
    PLANTS[name](conn, ranking, day)
    fetched_anew(conn)
    done = looking.look(conn)
    found = [finding for finding in open_findings(conn) if finding.kind == name]
    assert len(found) == 1, [finding.what for finding in open_findings(conn)]
    assert found[0].severity == BY_NAME[name].severity
    if found[0].chart_slug:
        assert (found[0].chart_slug, found[0].day) == (CHART, day)
    assert done.by_check[name] == 1
    others = {finding.kind for finding in open_findings(conn)} - {name}
    assert others <= {
        "missing_positions": {"total"},
        "total": {"missing_positions"},
        "doubled_tracks": {"contradiction"},
        "contradiction": {"missing_positions"},
    }.get(name, set())

    fetched_anew(conn)
    assert looking.look(conn).opened == 0, "found again, it is the same finding"
    assert len(open_findings(conn)) == len(others) + 1


@pytest.mark.parametrize("name", [check.name for check in CHECKS if not check.passes])
def test_what_is_mended_is_solved(conn: Connection, name: str, month: str) -> None:
    ranking, day = target(conn)
    tables = ("chart_ranking", "chart_ranking_entry", "chart_calendar", "fetch_ledger")
    for table in tables:
        conn.execute(f"create table public.good_{table} as select * from chartline.{table}")
    PLANTS[name](conn, ranking, day)
    fetched_anew(conn)
    looking.look(conn)
    assert name in {finding.kind for finding in open_findings(conn)}
    with conn.transaction():
        conn.execute("delete from chartline.chart_ranking_entry")
        conn.execute("insert into chartline.chart_ranking_entry select * from public.good_chart_ranking_entry")
        conn.execute(
            """update chartline.chart_ranking r set total = g.total, entries = g.entries
               from public.good_chart_ranking g where g.id = r.id"""
        )
        for table in ("chart_calendar", "fetch_ledger"):
            conn.execute(f"delete from chartline.{table}")
            conn.execute(f"insert into chartline.{table} select * from public.good_{table}")
    fetched_anew(conn)
    assert looking.look(conn).solved >= 1
    assert open_findings(conn) == []
    history, total = checks.listed(conn, state="solved")
    assert name in {finding.kind for finding in history}
    assert all(finding.first_seen_at <= finding.last_seen_at <= (finding.solved_at or day) for finding in history)
    assert total == len(history)


def test_what_is_mended_by_hand_is_noticed_within_the_hour(conn: Connection) -> None:
    ranking, day = target(conn)
    empty_a_field(conn, ranking, day)
    fetched_anew(conn)
    looking.look(conn)
    assert len(open_findings(conn)) == 1
    conn.execute("update chartline.chart_ranking_entry set metric = 1 where ranking_id = %s", [ranking])
    looking.look(conn)
    assert len(open_findings(conn)) == 1
    conn.execute("update chartline.data_finding set last_seen_at = now() - interval '61 minutes'")
    looking.look(conn)
    assert open_findings(conn) == []


def test_a_ranking_that_is_gone_takes_its_finding_along(conn: Connection) -> None:
    ranking, day = target(conn)
    lose_a_position(conn, ranking, day)
    fetched_anew(conn)
    looking.look(conn)
    conn.execute("delete from chartline.chart_ranking where id = %s", [ranking])
    fetched_anew(conn)
    looking.look(conn)
    assert open_findings(conn) == []


def test_what_a_person_accepts_is_not_found_again_until_it_changes(conn: Connection) -> None:
    ranking, day = target(conn)
    lose_a_position(conn, ranking, day)
    fetched_anew(conn)
    looking.look(conn)
    [finding] = open_findings(conn)
    accepted = checks.accept(conn, finding.id, "ada")
    assert accepted
    assert accepted.accepted_by == "ada"
    assert checks.accept(conn, finding.id, "bo") is None, "it is not open any more"
    fetched_anew(conn)
    assert looking.look(conn).opened == 0
    conn.execute("delete from chartline.chart_ranking_entry where ranking_id = %s and position = 5", [ranking])
    conn.execute("update chartline.chart_ranking set total = total - 1, entries = entries - 1 where id = %s", [ranking])
    fetched_anew(conn)
    assert looking.look(conn).opened == 1


def test_what_happened_once_is_closed_after_two_weeks(conn: Connection) -> None:
    let_counts_fall(conn, *target(conn))
    fetched_anew(conn)
    assert looking.look(conn).opened == 1
    conn.execute("update chartline.data_finding set first_seen_at = now() - interval '15 days'")
    assert looking.look(conn).solved == 1
    assert open_findings(conn) == []


def test_only_what_is_new_is_looked_at(conn: Connection) -> None:
    conn.execute("update chartline.watermark set at = now()")
    done = looking.look(conn)
    assert (done.rankings, done.series) == (0, 0)
    conn.execute(
        "update chartline.chart_ranking set fetched_at = fetched_at + interval '1 second' where id = %s",
        [target(conn)[0]],
    )
    assert looking.look(conn).rankings == 1
    assert looking.look(conn, anew=True).rankings == DAYS


def test_a_look_goes_on_where_its_time_was_over(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "RANKINGS", 7)
    fetched_anew(conn)
    looks = [looking.look(conn, seconds=0)]
    while looks[-1].more:
        looks.append(looking.look(conn, seconds=0))
    assert len(looks) > 4
    assert sum(look.rankings for look in looks) == DAYS


@pytest.mark.timeout(400)
def test_a_clean_year_raises_no_alarm(postgres: LocalPostgres, simulated: Server) -> None:
    """Of two charts, newest window first as a history comes; looked at after each window."""
    with _database(postgres, TEMPLATE) as url:
        cascade = Cascade(url, simulated)
        with cascade.connect() as conn:
            for slug in (CHART, OTHER):
                days = simulated.service.world.days(slug, simulated.service.clock.now())[:365]
                for start in range(0, len(days), 31):
                    part = [day.isoformat() for day in days[start : start + 31]]
                    cascade.run(slug, f"{slug} {start}", days=part, steps=[])
                    looking.look(conn)
            assert [finding.what for finding in checks.listed(conn, state="", limit=1000)[0]] == []
            judged = conn.execute("select count(*) from chartline.ranking_check where judged").fetchone()
            assert judged == (2 * 365,)


@pytest.mark.timeout(400)
def test_a_clean_quarter_with_its_audience_raises_no_alarm(postgres: LocalPostgres) -> None:
    """Thirteen weeks of a chart, with 90 days of audience of whoever was on it at the end of each week."""
    server = Server(Service(World(**{**WORLD, "entries": 15})))
    try:
        with _database(postgres, TEMPLATE) as url:
            cascade = Cascade(url, server)
            days = server.service.world.days(CHART, server.service.clock.now())[: 13 * 7]
            with cascade.connect() as conn:
                for start in range(12 * 7, -1, -7):
                    newest, *others = [day.isoformat() for day in days[start : start + 7]]
                    cascade.run(CHART, f"{newest} past", days=others)
                    cascade.run(CHART, newest, day=newest)
                    looking.look(conn)
                found = checks.listed(conn, state="", limit=1000)[0]
                assert [finding.what for finding in found] == []
                points = conn.execute("select count(*) from chartline.track_audience").fetchone()
                assert points
                assert points[0] > 5_000
    finally:
        server.stop()


def test_the_command(
    conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHARTLINE_WAREHOUSE_URL", conn.info.dsn + f" password={conn.info.password}")
    assert cli.main(["check", "--all"]) == 0
    assert "Nothing looks wrong." in capsys.readouterr().out
    lose_a_position(conn, *target(conn))
    assert cli.main(["check", "--chart", CHART, "--all"]) == 1
    said = capsys.readouterr().out
    assert "missing_positions" in said
    assert BY_NAME["missing_positions"].advice in said
    [finding] = open_findings(conn)
    assert cli.main(["check", "--accept", str(finding.id)]) == 0
    assert conn.execute("select action, subject from chartline.change_log").fetchall() == [
        ("finding.accept", finding.subject)
    ]
    assert cli.main(["check"]) == 0
    assert cli.main(["check", "--accept", str(finding.id)]) == 2
