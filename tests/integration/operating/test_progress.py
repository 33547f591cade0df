"""How far a run is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from psycopg.types.json import Jsonb

from chartline.operating import progress
from chartline.operating.progress import Progress
from chartline.settings import settings
from chartline.warehouse.reads import executions

from .conftest import uid

ALL = (("track_metadata", ""), ("track_audience", "spotify"), ("track_airplay", "airplay"))
OF_ARTISTS = (("artist_metadata", ""), ("artist_audience", "spotify"), ("artist_listeners", "spotify"))


def of(story: Any, execution: int) -> Progress:
    row = executions.get(story.conn, execution)
    assert row is not None
    return progress.of(story.conn, row, settings())


def shares(found: Progress) -> dict[str, float]:
    return {step.step: round(step.share, 2) for step in found.steps}


def test_a_run_that_has_stored_nothing_is_at_its_ranking(story: Any) -> None:
    found = of(story, story.run("day", "running"))
    assert (found.percent, found.step) == (0, "ranking")
    assert set(shares(found).values()) == {0}


def test_airplay_of_artists_is_a_piece_of_its_own(story: Any) -> None:
    execution = story.run("day", "running")
    story.conn.execute(
        """update chart_sync_execution
           set settings = settings || '{"artist_platforms": ["airplay", "spotify"]}' where id = %s""",
        [execution],
    )
    (step,) = (step for step in of(story, execution).steps if step.step == "artist_audience")
    assert {(piece.resource, piece.platform) for piece in step.pieces} == {
        ("artist_audience", "spotify"), ("artist_listeners", "spotify"), ("artist_airplay", "airplay"),
    }  # fmt: skip


def test_a_run_whose_first_task_has_not_said_what_it_is_asked(story: Any) -> None:
    execution = story.run("day", "running")
    story.conn.execute("update chart_sync_execution set settings = '{}'")
    assert of(story, execution) == Progress(percent=0, step="ranking", steps=[])


def test_the_refresh_of_an_audience_is_done_when_it_has_ended(story: Any) -> None:
    execution = story.run("", "running", dag_id="chartline.audience_refresh")
    story.conn.execute("update chart_sync_execution set settings = %s", [Jsonb({"tracks": [uid(1)]})])
    assert of(story, execution) == Progress(percent=0, step=None, steps=[])
    story.conn.execute("update chart_sync_execution set status = 'complete', finished_at = now()")
    assert of(story, execution).percent == 100


def test_each_thing_that_comes_moves_it_and_it_never_goes_back(story: Any) -> None:
    execution = story.run("day", "running")
    seen = [of(story, execution).percent]
    ranking = story.rank("day", story.ago(1), [1, 2])
    story.conn.execute("insert into execution_ranking values (%s, %s)", [execution, ranking])
    seen.append(of(story, execution).percent)
    for track in (1, 2):
        story.ledger("track_metadata", uid(track))
        story.credit(track, 100 + track)
        seen.append(of(story, execution).percent)
    for resource, facet in ALL[1:]:
        for track in (1, 2):
            story.ledger(resource, uid(track), facet)
            seen.append(of(story, execution).percent)
    for resource, facet in OF_ARTISTS:
        for artist in (101, 102):
            story.ledger(resource, uid(artist), facet)
            seen.append(of(story, execution).percent)
    assert seen == sorted(seen), seen
    assert (seen[0], seen[1], seen[-1]) == (0, 10, 99)
    assert len(set(seen)) == len(seen), "each thing counts"
    story.conn.execute("update chart_sync_execution set status = 'complete', finished_at = now()")
    assert (of(story, execution).percent, of(story, execution).step) == (100, None)


def test_what_is_leased_is_open_what_is_due_is_not_done_and_what_failed_is_settled(story: Any) -> None:
    ranking = story.rank("day", story.ago(1), [1, 2, 3, 4])
    execution = story.run("day", "running", rankings=[ranking], settings={"steps": ["track_metadata"]})
    story.ledger("track_metadata", uid(1), leased=True, due_in=-1)
    story.ledger("track_metadata", uid(2), due_in=-1)
    story.ledger("track_metadata", uid(3), outcome="failed", due_in=-1)
    story.fail(execution, "track_metadata", uid(3))
    story.ledger("track_metadata", uid(4), outcome="absent")
    found = of(story, execution)
    assert [step.step for step in found.steps] == ["ranking", "track_metadata"]
    step = found.steps[1]
    assert (step.wanted, step.done, step.failed, step.open) == (4, 1, 1, 1)
    assert (found.step, step.share) == ("track_metadata", 0.5)


def test_a_run_that_ended_badly_stays_where_it_was_whatever_has_become_due_since(story: Any) -> None:
    ranking = story.rank("day", story.ago(1), [1, 2])
    long_ago = story.now - timedelta(days=20)
    execution = story.run(
        "day", "failed", rankings=[ranking], settings={"steps": ["track_metadata"]}, started_at=long_ago
    )
    story.ledger("track_metadata", uid(1), due_in=-1)
    found = of(story, execution)
    assert (found.step, found.percent) == (None, 70)


def test_a_forced_run_counts_only_what_it_fetched_itself(story: Any) -> None:
    ranking = story.rank("day", story.ago(1), [1])
    asked = {"steps": ["track_metadata"], "force": True}
    execution = story.run("day", "running", rankings=[ranking], settings=asked, started_at=story.now + timedelta(1))
    story.ledger("track_metadata", uid(1))
    assert of(story, execution).steps[1].done == 0


def test_a_run_of_the_past_counts_its_days(story: Any) -> None:
    days = [story.ago(number).isoformat() for number in (4, 3, 2, 1)]
    ranking = story.rank("day", story.ago(1), [1])
    execution = story.run(
        "day", "running", rankings=[ranking], settings={"days": days, "steps": []}, days_absent=[story.ago(2)]
    )
    found = of(story, execution)
    assert (found.steps[0].wanted, found.steps[0].done, found.percent) == (4, 2, 50)


def test_two_queries_whatever_the_size(story: Any, queries: Any) -> None:
    ranking = story.rank("day", story.ago(1), list(range(1, 40)))
    execution = story.run("day", "running", rankings=[ranking])
    row = executions.get(story.conn, execution)
    assert row is not None
    assert queries(lambda: progress.of(story.conn, row, settings())) == 2
