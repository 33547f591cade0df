"""The simulator's comparison: what it misses, what it forgives, and what it does not."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from tests.integration.cascade.conftest import ENTRIES, Cascade

from chartline.cascade import audience
from chartline.cascade.report import RunFailed
from chartline.cascade.run import Run
from chartline.errors import BadInput
from chartline.schedules import service
from chartline.settings import Settings
from chartline.warehouse import executions
from chartline.warehouse.connect import connect
from simulator.compare import Part, compare

CHART = "demo-global-daily"
DAYS = 12


def differences(cascade: Cascade) -> dict[str, Part]:
    window_days = cascade.settings.audience_window_days
    parts = compare(cascade.server.service.world, cascade.warehouse_url, window_days)
    return {part.name: part for part in parts if not part.equal}


def newest(cascade: Cascade) -> list[date]:
    now = cascade.server.service.clock.now()
    found = cascade.server.service.world.days(CHART, now)
    return [day for day in found if (now.date() - day).days <= DAYS]


@pytest.fixture
def filled(cascade: Cascade) -> Cascade:
    """A chart followed with its past, filled by a run of the present and one of the past."""
    with cascade.connect() as conn:
        settings = {"sync_historical_data": True, "history_days": DAYS}
        service.add(conn, CHART, settings, client=cascade.client)
    latest, *past = newest(cascade)
    steps: dict[str, Any] = {"steps": ["track_metadata", "artist_metadata"]}
    cascade.go(cascade.open(CHART, "now", interval=([latest], True), **steps))
    cascade.go(cascade.open(CHART, "past", interval=(past, False), **steps))
    assert differences(cascade) == {}
    return cascade


def change(cascade: Cascade, text: str, *values: Any) -> None:
    with connect(cascade.warehouse_url) as conn:
        assert conn.execute(text, values).rowcount


def test_a_day_of_the_past_that_no_run_took_is_missing(cascade: Cascade, filled: Cascade) -> None:
    day = newest(filled)[4]
    change(filled, "delete from chart_ranking where day = %s", day)
    change(filled, "delete from chart_sync_execution where run_id = 'past'")
    found = differences(filled)["ranking entries"]
    assert (found.differences, found.expected - found.found) == (ENTRIES, ENTRIES)
    assert all(str(day) in line for line in found.missing)


def test_a_ranking_that_was_cut_or_that_the_source_does_not_have_shows(filled: Cascade) -> None:
    day = newest(filled)[2]
    change(
        filled,
        """delete from chart_ranking_entry using chart_ranking r
           where r.id = ranking_id and r.day = %s and position > 30""",
        day,
    )
    assert differences(filled)["ranking entries"].differences == ENTRIES - 30
    change(filled, "update chart_ranking set day = day - 2000 where day = %s", day)
    found = differences(filled)["ranking entries"]
    assert found.differences == ENTRIES + 30
    assert found.unexpected


def test_a_day_that_a_run_says_is_left_is_missing_and_known(filled: Cascade) -> None:
    day = newest(filled)[4]
    change(
        filled,
        "update chart_sync_execution set days_left = array[%s::date], error = 'Why.' where run_id = 'past'",
        day,
    )
    assert differences(filled) == {}, "it is there"
    change(filled, "delete from chart_ranking where day = %s", day)
    change(filled, "delete from fetch_ledger where resource = 'ranking' and facet = %s", day.isoformat())
    found = differences(filled)["ranking entries"]
    assert (found.differences, found.known, found.unknown) == (ENTRIES, {"left": ENTRIES}, 0)
    assert all(line.endswith("(known: left: Why.)") for line in found.missing)
    assert not found.differs("left")


def test_what_failed_is_a_difference_whatever_the_ledger_says(filled: Cascade) -> None:
    [(track,)] = _rows(filled, "select track::text from track_artist group by 1 limit 1")
    change(filled, "update track set name = 'another' where uuid = %s", track)
    found = differences(filled)
    assert set(found) == {"tracks"}
    assert (found["tracks"].known, found["tracks"].unknown) == ({}, 1)
    assert found["tracks"].differs("failed cut_answer")
    change(
        filled,
        """update fetch_ledger set outcome = 'failed', error_kind = 'cut_answer', error = 'Cut.'
           where resource = 'track_metadata' and entity = %s""",
        track,
    )
    found = differences(filled)
    assert {name: (part.known, part.unknown) for name, part in found.items()} == {
        "tracks": ({"failed cut_answer": 1}, 0),
        "items owed": ({"failed cut_answer": 1}, 0),
    }
    assert not any(part.differs("failed cut_answer") for part in found.values())
    assert "(known: failed cut_answer: Cut.)" in found["tracks"].different[0]


def test_what_follows_from_a_track_that_is_not_had_is_known_by_it(filled: Cascade) -> None:
    [(track, artist)] = _rows(
        filled,
        """select min(track::text), artist::text from track_artist group by artist having count(*) = 1
           order by 2 limit 1""",
    )
    change(filled, "update artist set metadata_at = null where uuid = %s", artist)
    change(filled, "delete from fetch_ledger where entity = %s", artist)
    assert differences(filled)["artists"].unknown == 1
    change(filled, "update fetch_ledger set outcome = 'deferred', error_kind = 'quota_spent' where entity = %s", track)
    assert differences(filled)["artists"].known == {"deferred quota_spent": 1}


def _rows(cascade: Cascade, text: str) -> list[tuple[Any, ...]]:
    with connect(cascade.warehouse_url) as conn:
        return conn.execute(text).fetchall()


def refresh(cascade: Cascade, run_id: str, **config: Any) -> None:
    """The audience of named things, as `audience_refresh` fetches it: an execution without a chart."""
    with cascade.connect() as conn:
        execution = executions.open_execution(
            conn, dag_id="chartline.audience_refresh", run_id=run_id, chart_slug="", trigger="manual"
        )
        ask = audience.RefreshAsk.from_config(config).model_dump(mode="json")
        execution = executions.fix_settings(conn, execution, ask)
    run = Run(execution, cascade.connect, cascade.client, cascade.settings, cascade.server.service.clock.now)
    try:
        cascade.fetch(run, audience.plan_refresh(run))
    except BadInput:
        with suppress(RunFailed):
            audience.report_refresh(run, ["plan_audience"])
        raise
    audience.report_refresh(run, [])


def test_an_audience_refresh_is_compared_too(filled: Cascade) -> None:
    [(track,)] = _rows(filled, "select uuid::text from track order by uuid limit 1")
    [(artist,)] = _rows(filled, "select uuid::text from artist where metadata_at is not null order by uuid limit 1")
    refresh(filled, "named", tracks=[track], artists=[artist])
    refresh(filled, "of a chart", charts=[CHART], platforms=["spotify", "airplay", "deezer"], audience_days=30)
    assert differences(filled) == {}
    change(filled, "delete from artist_audience where artist = %s and platform = 'youtube'", artist)
    change(filled, "update track_audience set value = value + 1 where track = %s and platform = 'shazam'", track)
    assert set(differences(filled)) == {"artist audience points", "track audience points"}


def test_a_refresh_that_was_refused_promised_nothing(filled: Cascade) -> None:
    with pytest.raises(BadInput):
        refresh(filled, "refused", tracks=["00000000-0000-4000-8000-000000000000"])
    assert differences(filled) == {}


def test_a_series_goes_as_far_back_as_one_call_brings(cascade: Cascade) -> None:
    cascade.settings = Settings(connections=4, call_retries=1, pool_fetch=2, audience_window_days=30)
    cascade.run(CHART, track_platforms=["spotify", "airplay"], artist_platforms=["spotify"])
    assert differences(cascade) == {}
    with cascade.connect() as conn:
        assert conn.execute("select current_date - min(day) <= 30 from chartline.track_audience").fetchone() == (True,)
