"""Raw answers read again: into the same content, without a call, in part, into a new warehouse, by a mended parser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from chartline.cascade import replay as core
from chartline.cascade import resources as registry
from chartline.cascade.replay import ReplayAsk, ReplayReport, replay
from chartline.cascade.report import RunFailed
from chartline.cascade.resources import RESOURCES, TRACK_METADATA
from chartline.errors import BadInput, ChartlineError, ContractBroken
from chartline.local.postgres import LocalPostgres
from chartline.soundcharts import models
from chartline.warehouse import raw
from chartline.warehouse.connect import Connection, connect
from chartline.warehouse.tables import MERGED

from .conftest import Cascade

CHARTS = ("demo-global-daily", "demo-france-daily", "demo-shazam-daily")
DAYS = 30
ALWAYS = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

MEANT: dict[str, LiteralString] = {
    "chart_id": "(select slug from chartline.chart where id = t.chart_id)",
    "ranking_id": """(select slug || r.day from chartline.chart_ranking r join chartline.chart c on c.id = chart_id
                      where r.id = t.ranking_id)""",
    "label_id": "(select name || type from chartline.label where id = t.label_id)",
    "genre_id": "(select string_agg(name, '/') from chartline.genre where id = t.genre_id)",
    "parent_id": "(select name from chartline.genre where id = t.parent_id)",
}
"""What stands for ids that the database gives."""


@pytest.fixture
def world() -> dict[str, Any]:
    return {"entries": 15, "charts": 6, "album_charts": 0, "artists": 60, "missing_share": 0}


def content(conn: Connection) -> dict[str, str]:
    """A hash of each table: all that answers brought, and when (but of a platform that is met by its code alone)."""
    hashes = {}
    for table in MERGED:
        columns = conn.execute(
            "select column_name from information_schema.columns where table_schema = 'chartline' and table_name = %s",
            [table],
        ).fetchall()
        meant = [sql.SQL("{}, {}").format(name, sql.SQL(MEANT[name])) for (name,) in columns if name in MEANT]
        query = sql.SQL(
            """select count(*) || ' rows ' || md5(string_agg(said, '|' order by said)) from (
                   select (to_jsonb(t) - %s::text[] || jsonb_build_object({}))::text as said from {} t) x"""
        ).format(sql.SQL(", ").join(meant), sql.Identifier("chartline", table))
        row = conn.execute(query, [["id", "created_at", "updated_at", "seen_at", *MEANT]]).fetchone()
        assert row
        hashes[table] = row[0] or "nothing"
    return hashes


@contextmanager
def copy_of(server: LocalPostgres, url: str, name: str) -> Iterator[str]:
    """A copy of a warehouse, under another name."""
    source = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(str(source)))
        )
        yield server.url(name)
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def empty(conn: Connection) -> None:
    """Take away all that answers brought."""
    names = sql.SQL(", ").join(sql.Identifier("chartline", name) for name in MERGED)
    conn.execute(sql.SQL("truncate {} cascade").format(names))


def again(cascade: Cascade, url: str, ask: ReplayAsk = ReplayAsk(), into: str = "") -> ReplayReport:  # noqa: B008
    with connect(url) as source, connect(into or url) as target:
        source.autocommit = target.autocommit = True
        return replay(source, target, ask, cascade.settings, moves=bool(into))


def fill(cascade: Cascade, *charts: str, days: int = DAYS) -> None:
    """Each chart's last days, and the audience of its newest."""
    clock = cascade.server.service.clock
    for slug in charts:
        there = cascade.server.service.world.days(slug, clock.now())[:days]
        past = {"days": [day.isoformat() for day in there[1:]], "steps": ["track_metadata", "artist_metadata"]}
        cascade.run(slug, f"{slug} now")
        cascade.run(slug, f"{slug} past", **past)


@pytest.fixture
def filled(cascade: Cascade) -> Cascade:
    fill(cascade, "demo-global-daily", days=4)
    return cascade


def ledger_of(query: Callable[..., list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    return query(
        "select resource, entity, facet, outcome, fetched_at, due_at, covered_from, covered_to, attempts, lease_until"
        " from chartline.fetch_ledger order by 1, 2, 3"
    )


@pytest.mark.timeout(400)
def test_three_charts_of_thirty_days_come_back_row_for_row_without_a_call(
    cascade: Cascade, postgres: LocalPostgres, query: Callable[..., list[tuple[Any, ...]]]
) -> None:
    fill(cascade, *CHARTS)
    made, ledger = len(cascade.server.calls()), ledger_of(query)
    with copy_of(postgres, cascade.warehouse_url, "replayed") as url, connect(url) as conn:
        conn.autocommit = True
        before = content(conn)
        assert before["chart_ranking_entry"].startswith(f"{len(CHARTS) * DAYS * 15} rows")
        empty(conn)
        report = again(cascade, url)
        assert content(conn) == before
        assert (report.failed, report.not_kept) == (0, [])
        written = {name: done.rows for name, done in report.resources.items()}
        assert written["ranking"] == len(CHARTS) * DAYS * 15
        assert written["track_audience"] > 1000

        twice = again(cascade, url)
        assert content(conn) == before
        assert twice.resources["track_audience"].rows == 0, "what is as it was is not written"
        kept = conn.execute("select count(*) from chartline.fetch_ledger").fetchone()
        assert kept == (len(ledger),)
    assert len(cascade.server.calls()) == made, "no call"


def test_the_ledger_of_the_same_warehouse_is_as_it_was(
    filled: Cascade, query: Callable[..., list[tuple[Any, ...]]]
) -> None:
    before = ledger_of(query)
    again(filled, filled.warehouse_url)
    assert ledger_of(query) == before


def test_a_new_warehouse_pays_for_nothing_twice(
    filled: Cascade, postgres: LocalPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    with copy_of(postgres, "dbname=chartline_template", "moved") as url, connect(url) as conn:
        conn.autocommit = True
        report = again(filled, filled.warehouse_url, into=url)
        with connect(filled.warehouse_url) as old:
            before = content(old)
            answers = old.execute("select count(*) from chartline.raw_answer where path <> ''").fetchone()
        assert content(conn) == before
        assert answers == (report.copied,)
        assert again(filled, filled.warehouse_url, into=url).copied == 0, "once"

        made = len(filled.server.calls())
        monkeypatch.setattr(filled, "warehouse_url", url)
        days = filled.server.service.world.days("demo-global-daily", filled.server.service.clock.now())[:4]
        filled.run("demo-global-daily", "after", days=[day.isoformat() for day in days])
        assert [call.endpoint for call in filled.server.calls()[made:]] in ([], ["available_rankings"])
        latest = filled.run("demo-global-daily", "the latest")
        spent = {call.endpoint for call in filled.server.calls()[made:]}
        assert spent <= {"available_rankings", "ranking_latest"}, "all that is below the ranking is fresh"
        assert latest["status"] == "complete"


def test_a_mended_parser_reads_what_it_could_not(
    cascade: Cascade, monkeypatch: pytest.MonkeyPatch, query: Callable[..., list[tuple[Any, ...]]]
) -> None:
    """The answers came and were kept; they are not paid for again."""
    good, name = models.parse_batch, TRACK_METADATA.name

    def worse(model: Any, answer: Any, uuids: Any) -> Any:
        read = good(model, answer, uuids)
        if model is models.Song:
            return replace(read, told={uuid: ContractBroken("This parser cannot read it.") for uuid in read.told})
        return read

    monkeypatch.setattr(models, "parse_batch", worse)
    with pytest.raises(Exception, match="failed"):
        fill(cascade, "demo-global-daily", days=1)
    unread = again(cascade, cascade.warehouse_url)
    assert unread.resources[name].unread
    assert "cannot read it" in unread.unread[0]
    assert query("select count(*) from chartline.track where metadata_at is not null") == [(0,)]

    monkeypatch.setattr(models, "parse_batch", good)
    made = len(cascade.server.calls())
    assert again(cascade, cascade.warehouse_url).failed == 0
    assert query("select count(*) from chartline.track where metadata_at is null") == [(0,)]
    assert query("select distinct outcome from chartline.fetch_ledger where resource = %s", name) == [("ok",)]
    cascade.run("demo-global-daily", "next")
    assert "song" not in {call.endpoint for call in cascade.server.calls()[made:]}


def test_a_ranking_that_was_set_aside_is_read_again(
    filled: Cascade, query: Callable[..., list[tuple[Any, ...]]]
) -> None:
    [(day,)] = query("select min(day) from chartline.chart_ranking")
    with filled.connect() as conn, conn.transaction():
        raw.set_aside(conn, "ranking", "demo-global-daily", str(day), "broken_ranking")
        conn.execute("delete from chartline.chart_ranking where day = %s", [day])
        conn.execute(
            "update chartline.fetch_ledger set fetched_at = null, outcome = 'failed' where facet = %s", [str(day)]
        )
    assert again(filled, filled.warehouse_url).failed == 0
    assert query("select entries from chartline.chart_ranking where day = %s", day) == [(15,)]
    assert query("select outcome from chartline.fetch_ledger where facet = %s", str(day)) == [("ok",)]


@pytest.mark.parametrize("what", [*RESOURCES, "ranking", "calendar", "catalogue", "chart_ranking_entry"])
def test_a_part_leaves_the_rest_as_it_is(filled: Cascade, what: str) -> None:
    """Also what is newer than the part: here the newest names of all tracks and artists."""
    with filled.connect() as conn:
        before = content(conn)
        report = again(filled, filled.warehouse_url, ReplayAsk(resources=(what,)))
        assert content(conn) == before
    assert report.failed == 0


def test_an_older_answer_never_covers_a_newer_one(filled: Cascade, query: Callable[..., list[tuple[Any, ...]]]) -> None:
    """A name changed since: metadata and the rankings of other days say so, and only an older day is asked for."""
    [(oldest, newest)] = query("select min(day), max(day) from chartline.chart_ranking")
    with filled.connect() as conn:
        conn.execute(
            """update chartline.raw_answer set fetched_at = fetched_at - interval '1 day'
               where resource in ('ranking', 'track_metadata') and facet <> %s""",
            [str(newest)],
        )
        [(uuid, _)] = query(
            """select track, count(*) from chartline.chart_ranking_entry join chartline.chart_ranking r
               on r.id = ranking_id where day in (%s, %s) group by 1 having count(*) = 2 limit 1""",
            oldest, newest,
        )  # fmt: skip
        renamed = []
        for answer in raw.fetches(conn, ["ranking"], *ALWAYS):
            if answer.facet == str(newest):
                for id_, body in raw.packed(conn, [part.id for part in answer.parts]).items():
                    whole = raw.unpacked(body)
                    renamed.append((whole.replace(uuid_name(whole, uuid), b"A New Name"), id_))
        for body, id_ in renamed:
            set_body(conn, id_, body)
        again(filled, filled.warehouse_url)
        assert query("select name from chartline.track where uuid = %s", uuid) == [("A New Name",)]
        again(filled, filled.warehouse_url, ReplayAsk(since=oldest, until=oldest, resources=("ranking",)))
        assert query("select name from chartline.track where uuid = %s", uuid) == [("A New Name",)]


def uuid_name(body: bytes, uuid: str) -> bytes:
    import json

    [name] = [i["song"]["name"] for i in json.loads(body)["items"] if i["song"]["uuid"] == str(uuid)]
    return json.dumps(name)[1:-1].encode() if name.isascii() else name.encode()


def set_body(conn: Connection, id_: int, body: bytes) -> None:
    import zlib

    conn.execute("update chartline.raw_answer set body = %s where id = %s", [zlib.compress(body, 1), id_])


def test_a_day_and_a_chart_bring_no_others(cascade: Cascade, postgres: LocalPostgres) -> None:
    fill(cascade, "demo-global-daily", "demo-shazam-daily", days=3)
    with copy_of(postgres, "dbname=chartline_template", "part") as url, connect(url) as conn:
        conn.autocommit = True
        again(cascade, cascade.warehouse_url, ReplayAsk(charts=("demo-shazam-daily",)), into=url)
        rows = conn.execute(
            "select distinct slug from chartline.chart c join chartline.chart_ranking on chart_id = c.id"
        )
        assert rows.fetchall() == [("demo-shazam-daily",)]
        with connect(cascade.warehouse_url) as old:
            tracks = """select distinct track from chartline.track_audience a where exists (
                            select from chartline.chart_ranking_entry e where e.track = a.track)"""
            mine = set(conn.execute(tracks))
            assert mine < set(old.execute(tracks))
        assert conn.execute(
            "select count(*) from chartline.track_audience left join chartline.track on uuid = track where uuid is null"
        ).fetchone() == (0,)  # fmt: skip
        days = conn.execute("select day from chartline.chart_ranking order by day").fetchall()
        empty(conn)
        one = days[1][0]
        again(cascade, url, ReplayAsk(charts=("demo-shazam-daily",), resources=("ranking",), since=one, until=one))
        assert conn.execute("select day from chartline.chart_ranking").fetchall() == [(one,)]


def test_what_is_kept_no_more_is_said(filled: Cascade) -> None:
    with filled.connect() as conn:
        conn.execute(
            """update chartline.raw_answer set fetched_at = fetched_at - interval '60 days'
               where resource in ('artist_audience', 'track_metadata')"""
        )
        raw.prune(conn, 30)
        empty(conn)
    report = again(filled, filled.warehouse_url)
    lost = {one.resource: one.items for one in report.not_kept}
    assert set(lost) == {"artist_audience", "track_metadata"}
    with filled.connect() as conn:
        held = conn.execute("select count(*) from chartline.fetch_ledger where resource = 'track_metadata'").fetchone()
    assert held == (lost["track_metadata"],)


def test_a_hole_between_answers_is_not_taken_for_known(
    filled: Cascade, postgres: LocalPostgres, query: Callable[..., list[tuple[Any, ...]]]
) -> None:
    """The first answer of a series is dropped, one of earlier days and one of later days are kept."""
    [(entity,)] = query("select entity from chartline.fetch_ledger where resource = 'track_audience' limit 1")
    with filled.connect() as conn:
        [(facet, path)] = conn.execute(
            "select facet, path from chartline.raw_answer where resource = 'track_audience' and entity = %s"
            " order by id limit 1",
            [entity],
        ).fetchall()
        conn.execute("delete from chartline.raw_answer where entity = %s and facet <> %s", [entity, facet])
        conn.execute(
            """insert into chartline.raw_answer (resource, entity, facet, part, endpoint, path, fetched_at, body)
               select resource, entity, facet, part, endpoint,
                      regexp_replace(
                          path, 'startDate=[-0-9]+&endDate=[-0-9]+', 'startDate=2025-01-01&endDate=2025-03-31'),
                      fetched_at - interval '1 day', body
               from chartline.raw_answer where resource = 'track_audience' and entity = %s""",
            [entity],
        )
    with copy_of(postgres, "dbname=chartline_template", "holed") as url, connect(url) as conn:
        conn.autocommit = True
        again(filled, filled.warehouse_url, into=url)
        row = conn.execute(
            "select covered_from from chartline.fetch_ledger where resource = 'track_audience' and entity = %s",
            [entity],
        ).fetchone()
    assert row
    assert row[0] > date(2026, 1, 1)
    assert f"startDate={row[0]}" in path


def test_what_is_fetched_while_it_runs_stands_in_the_end(
    filled: Cascade, monkeypatch: pytest.MonkeyPatch, query: Callable[..., list[tuple[Any, ...]]]
) -> None:
    """A run stores a newer answer between the reading of an older one and its storing."""
    fetched: list[bool] = []
    entry = RESOURCES["track_audience"]
    assert isinstance(entry, registry.Series)
    store = entry.store

    def late(conn: Connection, came: Any) -> int:
        if not fetched:
            fetched.append(True)
            filled.server.service.clock.set(datetime.now(UTC) + timedelta(days=9), frozen=False)
            filled.run("demo-global-daily", "meanwhile")
        return store(conn, came)

    monkeypatch.setitem(RESOURCES, "track_audience", replace(entry, store=late))
    with filled.connect() as conn:
        again(filled, filled.warehouse_url)
        assert fetched
        after = content(conn)
        again(filled, filled.warehouse_url)
        assert content(conn) == after


def test_refusals_and_cut_answers_are_not_taken_for_answers(
    cascade: Cascade, query: Callable[..., list[tuple[Any, ...]]]
) -> None:
    faults = [
        {"kind": "status", "share": 0.7, "match": "song*"},
        {"kind": "malformed", "share": 0.7, "match": "artist*"},
    ]
    cascade.server.set(faults=faults)
    with suppress(RunFailed, ChartlineError):
        cascade.run("demo-global-daily", "troubled")
    cascade.server.set(faults=[])
    cascade.run("demo-global-daily", "good")
    assert query("select count(*) > 0 from chartline.raw_answer where path = ''") == [(True,)]
    with cascade.connect() as conn:
        before = content(conn)
        empty(conn)
        assert again(cascade, cascade.warehouse_url).failed == 0
        assert content(conn) == before


def test_a_dry_run_stores_nothing(filled: Cascade) -> None:
    with filled.connect() as conn:
        empty(conn)
        report = again(filled, filled.warehouse_url, ReplayAsk(dry_run=True))
        assert set(content(conn).values()) == {"nothing"}
    assert report.resources["ranking"].fetches == 4
    assert all(done.rows == 0 for done in report.resources.values())


def test_every_resource_of_the_registry_replays() -> None:
    assert set(core.registry()) == {*RESOURCES, "ranking", "calendar", "catalogue"}


def test_what_is_not_known_is_refused(filled: Cascade) -> None:
    with pytest.raises(BadInput, match="resources: unknown: nonsense"):
        again(filled, filled.warehouse_url, ReplayAsk(resources=("nonsense",)))
    with pytest.raises(BadInput, match="lies after"):
        again(filled, filled.warehouse_url, ReplayAsk(since=date(2026, 2, 2), until=date(2026, 2, 1)))


def test_the_command(filled: Cascade, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from chartline import cli

    monkeypatch.setenv("CHARTLINE_WAREHOUSE_URL", filled.warehouse_url)
    assert cli.main(["replay", "--chart", "demo-global-daily", "--resource", "chart_ranking_entry"]) == 0
    said = capsys.readouterr().out
    assert "ranking" in said
    assert "No call was made." in said
    assert cli.main(["replay", "--from", filled.warehouse_url]) == 2
    with filled.connect() as conn:
        conn.execute("update chartline.raw_answer set body = '\\x789c4bcc04000189011a' where resource = 'ranking'")
    assert cli.main(["replay"]) == 1
    assert "could not be read" in capsys.readouterr().err
