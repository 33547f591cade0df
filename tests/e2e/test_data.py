"""What is stored, in a whole installation: lost rows are replayed without a call, odd ones found, shown, accepted."""

from __future__ import annotations

import pytest

from .conftest import ENTRIES, Chartline, until
from .test_pages import Visitor
from .test_web_pages import Person, person

__all__ = ["person"]

CHART = "demo-shazam-daily"
ALERTS, REPLAY = "chartline.alerts", "chartline.replay"
STEPS = ["track_metadata", "artist_metadata"]


def look(chartline: Chartline) -> None:
    """What `chartline.alerts` does every five minutes, now."""
    chartline.succeed_plainly(ALERTS)


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
    chartline.run(chart=CHART, steps=STEPS)
    look(chartline)
    assert chartline.query("select kind from chartline.data_finding") == []
    assert chartline.query("select count(*) from chartline.watermark where kind = 'look'") == [(1,)]
    chartline.change("delete from chartline.chart_ranking_entry where position = 3")
    chartline.change("update chartline.chart_ranking set fetched_at = fetched_at + interval '1 second'")
    look(chartline)
    told = chartline.query("select kind, subject, details ->> 'severity' from chartline.alert where kind = 'data'")
    assert sorted(told) == [("data", "missing_positions", "error"), ("data", "total", "error")]
    chartline.run(chart=CHART, steps=[], force=True)
    look(chartline)
    assert chartline.query("select state from chartline.alert where kind = 'data'") == [("solved",), ("solved",)]


@pytest.mark.browser
def test_a_person_sees_and_accepts_it(chartline: Chartline, person: Person) -> None:
    chartline.run(chart=CHART, steps=STEPS)
    look(chartline)
    visitor = Visitor(person)
    visitor.visit("checks/", "Nothing looks wrong.", "missing positions", "What to do")
    visitor.pictures("page-checks-well")
    chartline.change("delete from chartline.chart_ranking_entry where position = 3")
    chartline.change("update chartline.chart_ranking set total = total - 1, entries = entries - 1")
    chartline.change("update chartline.chart_ranking set fetched_at = fetched_at + interval '1 second'")
    look(chartline)
    visitor.visit("checks/", "the last position is")
    visitor.pictures("page-checks")
    visitor.confirm("Accept")
    visitor.told("Accepted.")
    person.see("Nothing looks wrong.")
    until("the change's record", lambda: chartline.query("select 1 from change_log where action = 'finding.accept'"))
