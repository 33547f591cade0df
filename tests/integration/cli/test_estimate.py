"""`chartline estimate`, and what following a chart says of the costs of its past."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from chartline import settings as chartline_settings

from ..conftest import Say

CHART = "demo-global-daily"
LATER = datetime.now(UTC).date() + timedelta(days=3)


@pytest.fixture(autouse=True)
def _settings_of_this_test() -> Any:
    chartline_settings.settings.cache_clear()
    yield
    chartline_settings.settings.cache_clear()


def calls(simulator: Any) -> int:
    return len(list(simulator.service.counts.log()))


@pytest.mark.usefixtures("account")
def test_what_a_chart_would_cost(say: Say, simulator: Any) -> None:
    code, out, err = say("estimate", CHART)
    assert (code, err) == (0, "")
    assert out.splitlines()[0].split() == ["DEMO-GLOBAL-DAILY", "WITH", "365", "DAYS", "OF", "HISTORY", "CALLS"]
    for line in ("ranking", "track_metadata", "all calls", "time at the limit", "quota left", "share of it", "storage"):
        assert f"\n{line} " in out
    made = calls(simulator)
    told = json.loads(say("estimate", CHART, "--history-days", "100", "--json")[1])
    assert calls(simulator) == made
    days = len(
        [
            d
            for d in simulator.service.world.days(CHART, datetime.now(UTC))
            if d >= datetime.now(UTC).date() - timedelta(days=100)
        ]
    )
    assert told["calls"]["ranking"]["high"] == days
    assert told["total"]["high"] == sum(kind["high"] for kind in told["calls"].values())
    assert told["share"] == pytest.approx(told["total"]["high"] / told["quota_left"])


@pytest.mark.usefixtures("account")
def test_some_days(say: Say, simulator: Any) -> None:
    first, last = datetime.now(UTC).date() - timedelta(days=40), datetime.now(UTC).date() - timedelta(days=20)
    told = json.loads(say("estimate", CHART, "--from", str(first), "--to", str(last), "--json")[1])
    days = [day for day in simulator.service.world.days(CHART, datetime.now(UTC)) if first <= day <= last]
    assert told["calls"]["ranking"] == {"low": len(days), "high": len(days)}
    assert set(told["calls"]) == {"ranking", "track_metadata", "artist_metadata"}


@pytest.mark.usefixtures("account")
def test_more_than_the_source_has_is_said(say: Say, simulator: Any) -> None:
    code, out, _ = say("estimate", CHART, "--history-days", "3650")
    assert code == 0
    assert f"Soundcharts has {CHART} from {simulator.service.world.settings.first_day} on: " in out


def test_without_an_account_nothing_is_asked(say: Say, simulator: Any) -> None:
    code, out, _ = say("estimate", "day")
    assert code == 0
    assert "The calendar of day is not known" in out
    assert ["quota", "left", "unknown"] in [line.split() for line in out.splitlines()]
    assert calls(simulator) == 0


@pytest.mark.usefixtures("account")
def test_offline_nothing_is_asked(say: Say, simulator: Any) -> None:
    assert say("estimate", "day", "--offline")[0] == 0
    assert calls(simulator) == 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["no-such-chart"], "chart: no-such-chart is not in the catalogue."),
        (["../x"], "chart: '../x' cannot be a chart's slug."),
        (["day", "--from", "2026-02-30"], "from: '2026-02-30' is not a day"),
        (["day", "--from", "2026-03-10", "--to", "2026-03-09"], "from: 2026-03-10 lies after the end, 2026-03-09."),
        (["day", "--from", "2026-03-10", "--to", str(LATER)], f"to: {LATER} lies in the future"),
        (["day", "--from", str(LATER)], f"from: {LATER} lies in the future"),
        (["day", "--to", "2026-03-09"], "to: needs --from."),
        (["day", "--from", "2026-03-10", "--history-days", "3"], "history_days: cannot go with --from"),
        (["day", "--history-days", "0"], "history_days: Input should be greater than or equal to 1"),
        (["day", "--history-days", "4000"], "history_days: Input should be less than or equal to 3650"),
    ],
)
def test_bad_input_by_name(say: Say, words: list[str], reason: str) -> None:
    code, out, err = say("estimate", *words)
    assert (code, out) == (2, "")
    assert reason in err


@pytest.mark.usefixtures("account")
def test_a_dry_run_of_following_changes_nothing(say: Say, conn: psycopg.Connection[Any]) -> None:
    code, out, _ = say("schedules", "add", CHART, "--sync-historical-data", "--dry-run")
    assert code == 0
    assert out.endswith("Dry run: nothing was changed.\n")
    assert "all calls" in out
    assert conn.execute("select count(*) from chart_sync_schedule").fetchone() == (0,)
    assert say("schedules", "add", CHART, "--history-days", "0", "--dry-run")[0] == 2


def held(conn: psycopg.Connection[Any]) -> dict[str, bool]:
    return dict(
        conn.execute(
            "select slug, history_held from chart_sync_schedule s join chart c on c.id = s.chart_id"
        ).fetchall()
    )


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(("quota", "waits"), [(1_000_000, False), (2_000, True)])
def test_a_large_past_is_held_until_it_is_approved(
    say: Say, conn: psycopg.Connection[Any], simulator: Any, quota: int, waits: bool
) -> None:
    settings = simulator.service.settings
    simulator.service.configure(settings.model_copy(update={"quota": quota}), frozenset({"quota"}))
    code, out, _ = say("schedules", "add", CHART, "--sync-historical-data")
    assert code == 0
    assert "all calls" in out
    assert held(conn) == {CHART: waits}
    assert ("New days are fetched; its history waits for approval" in out) is waits
    assert ("trigger chartline.gap_audit" in out) is waits


@pytest.mark.usefixtures("account")
def test_the_past_that_a_change_asks_for_is_held_too(
    say: Say, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = say("schedules", "add", CHART)[1]
    assert "all calls" not in out
    assert held(conn) == {CHART: False}
    monkeypatch.setenv("CHARTLINE_APPROVAL_SHARE", "0.000001")
    chartline_settings.settings.cache_clear()
    assert "all calls" not in say("schedules", "change", CHART, "--history-days", "100")[1]
    assert held(conn) == {CHART: False}
    out = say("schedules", "change", CHART, "--sync-historical-data")[1]
    assert "New days are fetched; its history waits for approval" in out
    assert held(conn) == {CHART: True}


@pytest.mark.usefixtures("account")
def test_what_a_file_asks_for_is_one_work(say: Say, conn: psycopg.Connection[Any], tmp_path: Any) -> None:
    """Each chart's past is below the share, all together are not."""
    slugs = [CHART, "demo-france-daily", "demo-shazam-daily"]
    one = json.loads(say("estimate", CHART, "--json")[1])
    for slug in slugs:
        say("estimate", slug)
    conn.execute("update api_call set quota_left = %s", [round(one["total"]["high"] / 0.15)])
    file = tmp_path / "charts.yaml"
    lines = "".join(f"  - chart: {slug}\n    sync_historical_data: true\n" for slug in slugs)
    file.write_text(f"charts:\n{lines}")
    dry = say("schedules", "apply", str(file), "--dry-run")[1]
    assert "3 CHARTS" in dry
    assert held(conn) == {}
    out = say("schedules", "apply", str(file))[1]
    assert "New days are fetched; its history waits for approval" in out
    assert held(conn) == dict.fromkeys(slugs, True)
