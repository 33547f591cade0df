"""What is stored, in a whole installation: lost rows are replayed without a call, odd ones found, shown, accepted."""

from __future__ import annotations

import pytest

from chartline.checks import looking
from chartline.warehouse.connect import connect

from .conftest import ENTRIES, Chartline, until
from .test_pages import Visitor
from .test_web_pages import Person, person

__all__ = ["person"]

CHART = "demo-shazam-daily"
ALERTS, REPLAY = "chartline.alerts", "chartline.replay"
STEPS = ["track_metadata", "artist_metadata"]


def check(chartline: Chartline) -> None:
    """What each look does for checks, now."""
    with connect(chartline.stack.warehouse_url) as conn:
        conn.autocommit = True
        looking.look(conn)


def alerts(chartline: Chartline) -> list[tuple[str, str]]:
    return chartline.query("select subject, state from chartline.alert where kind = 'data' order by 1")


def test_lost_rows_come_back_without_a_call(chartline: Chartline) -> None:
    chartline.run(chart=CHART, steps=STEPS)
    before = chartline.query("select position, track, metric from chartline.chart_ranking_entry order by 1, 2")
    assert len(before) == ENTRIES
    assert chartline.differences() == {}
    chartline.change("delete from chartline.chart_ranking")
    chartline.change("delete from chartline.track_artist")
    made = sum(chartline.made().values())
    chartline.succeed_plainly(REPLAY)
    assert chartline.query("select position, track, metric from chartline.chart_ranking_entry order by 1, 2") == before
    assert chartline.query("select count(*) > 0 from chartline.track_artist") == [(True,)]
    assert sum(chartline.made().values()) == made
    wrong = chartline.trigger(REPLAY, resources=["chart_ranking"], nonsense=1)
    assert chartline.end_of(REPLAY, wrong) == "failed"


def test_what_looks_wrong_is_told_by_an_alert(chartline: Chartline) -> None:
    """By `chartline.alerts`, which looks again while it waits to send what nobody here takes."""
    chartline.run(chart=CHART, steps=STEPS)
    chartline.change("delete from chartline.chart_ranking_entry where position = 3")
    chartline.trigger(ALERTS)
    wrong = [("missing_positions", "open"), ("total", "open")]
    until("alerts of what is wrong", lambda: alerts(chartline) == wrong)
    until("the sign of life", lambda: chartline.query("select 1 from chartline.watermark where kind = 'look'"))
    chartline.run(chart=CHART, steps=[], force=True)
    until("the end of what is mended", lambda: {state for _, state in alerts(chartline)} == {"solved"}, 200)


@pytest.mark.browser
def test_a_person_sees_and_accepts_it(chartline: Chartline, person: Person) -> None:
    chartline.run(chart=CHART, steps=STEPS)
    check(chartline)
    visitor = Visitor(person)
    visitor.visit("checks/", "Nothing looks wrong.", "missing positions", "What to do")
    visitor.pictures("page-checks-well")
    chartline.change("delete from chartline.chart_ranking_entry where position = 3")
    chartline.change("update chartline.chart_ranking set total = total - 1, entries = entries - 1")
    chartline.change("update chartline.chart_ranking set fetched_at = fetched_at + interval '1 second'")
    check(chartline)
    visitor.visit("checks/", "the last position is")
    visitor.pictures("page-checks")
    visitor.confirm("Accept")
    visitor.told("Accepted.")
    person.see("Nothing looks wrong.")
    until("the change's record", lambda: chartline.query("select 1 from change_log where action = 'finding.accept'"))
