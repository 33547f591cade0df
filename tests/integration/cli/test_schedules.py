"""The command line on a real warehouse and the simulator, as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chartline.schedules import snapshot

from ..conftest import Say


def test_the_life_of_a_schedule(say: Say, tmp_path: Path) -> None:
    code, out, _ = say("schedules", "add", "day", "--track-platforms", "spotify, airplay", "--by", "ada")
    assert (code, out) == (
        0,
        "day is followed: daily; DAG chartline.chart_sync.day. Airflow shows it in a few seconds.\n",
    )
    assert say("schedules", "add", "week", "--no-fetch-artist-audience")[1].startswith("week is followed: weekly, ")
    assert say("schedules", "change", "day", "--cron", "0 9 * * 1", "--no-is-active")[1] == (
        "day is changed: cron 0 9 * * 1, not active; DAG chartline.chart_sync.day. Airflow shows it in a few seconds.\n"
    )
    _, out, _ = say("schedules", "list")
    head, day, week = out.splitlines()
    assert head.split() == ["CHART", "NAME", "RUNS", "SETTINGS"]
    assert "not active" in day
    assert "tracks spotify,airplay; artists spotify,youtube,instagram,tiktok" in day
    assert week.endswith("tracks spotify,youtube,shazam,airplay")
    listed = json.loads(say("schedules", "list", "--json")[1])
    assert [one["slug"] for one in listed] == ["day", "week"]
    assert (listed[0]["dag_id"], listed[0]["created_by"]) == ("chartline.chart_sync.day", "ada")
    assert say("snapshot", "write")[1].endswith("is written.\n")
    assert say("snapshot", "write")[1].endswith("was up to date.\n")
    assert [line.slug for line in snapshot.load(tmp_path / "schedules.jsonl")] == ["day", "week"]
    assert say("schedules", "remove", "day")[0] == 0
    assert say("schedules", "remove", "week")[0] == 0
    assert say("schedules", "list")[1].startswith("No chart is followed.")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["add", "global-99"], "chart: global-99 is not in the catalogue."),
        (["add", "../x"], "chart: '../x' cannot be a chart's slug."),
        (["add", "day"], "chart: day is followed already."),
        (
            ["add", "week", "--track-platforms", "apple-music"],
            "track_platforms: the Soundcharts API serves no audience",
        ),
        (["add", "week", "--artist-platforms", "spotify,shazam"], "artist_platforms: the Soundcharts API serves no"),
        (["add", "week", "--cron", "0 25 * * *"], "cron: '0 25 * * *' is not a cron expression"),
        (["add", "week", "--custom-interval-hours", "9000"], "custom_interval_hours: Input should be less than"),
        (["add", "week", "--sync-frequency", "hourly"], "sync_frequency: Input should be 'daily'"),
        (["add", "week", "--sync-frequency", "custom"], "sync_frequency: custom needs"),
        (["add", "week", "--sync-frequency", "daily", "--cron", "@daily"], "cron: goes with sync_frequency custom"),
        (["change", "day", "--history-days", "0"], "history_days: Input should be greater"),
        (["change", "week", "--history-days", "1"], "chart: week is not followed."),
        (["remove", "week"], "chart: week is not followed."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_refused_by_name_and_changes_nothing(say: Say, words: list[str], reason: str) -> None:
    say("schedules", "add", "day")
    before = say("schedules", "list", "--json")
    code, out, err = say("schedules", *words)
    assert (code, out) == (2, "")
    assert err.startswith(reason)
    assert say("schedules", "list", "--json") == before


def test_a_wrong_row_is_listed_with_the_reason(say: Say, conn: psycopg.Connection[Any]) -> None:
    say("schedules", "add", "day")
    say("schedules", "add", "week")
    conn.execute("update chart_sync_schedule set history_days = -1 where sync_frequency = 'daily'")
    day, week = say("schedules", "list")[1].splitlines()[1:]
    assert "cannot be used: history_days: " in day
    assert "weekly, Fridays" in week
    assert json.loads(say("schedules", "list", "--json")[1])[0]["error"].startswith("history_days: ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["schedules", "export", "-o", "nowhere/charts.yaml"], "nowhere/charts.yaml: No such file or directory"),
        (["schedules", "export", "-o", "."], ".: Is a directory"),
        (["schedules", "export", "-o", "/dev/full"], "/dev/full: No space left on device"),
        (["schedules", "apply", "nowhere.yaml"], "nowhere.yaml: No such file or directory"),
        (["schedules", "apply", "."], ".: Is a directory"),
    ],
)
def test_a_file_that_cannot_be_is_a_message(say: Say, words: list[str], told: str) -> None:
    code, out, err = say(*words)
    assert (code, out) == (2, "")
    assert err.startswith(told)


def test_a_state_folder_that_cannot_be_is_a_message(say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CHARTLINE_HOME", str(tmp_path / "file"))
    for words in (["snapshot", "write"], ["snapshot", "show"]):
        code, _, err = say(*words)
        assert (code, err.strip()) == (1, f"{tmp_path / 'file' / 'schedules.jsonl'}: Not a directory")


def test_a_file_is_tried_applied_and_exported(say: Say, tmp_path: Path) -> None:
    (tmp_path / "charts.yaml").write_text("charts:\n- chart: day\n  history_days: 30\n")
    code, out, _ = say("schedules", "apply", "charts.yaml", "--dry-run")
    assert code == 0
    assert out.startswith("+ day\n")
    assert out.endswith("Dry run: nothing was changed.\n")
    assert say("schedules", "export")[1] == "charts: []\n"
    assert say("schedules", "apply", "charts.yaml")[0] == 0
    assert say("schedules", "apply", "charts.yaml")[1] == "Nothing to change.\n"
    assert say("schedules", "export")[1] == (tmp_path / "charts.yaml").read_text()
    assert say("schedules", "export", "-o", "out.yaml")[0] == 0
    assert (tmp_path / "out.yaml").read_text() == (tmp_path / "charts.yaml").read_text()


def test_a_schema_that_is_not_there_is_said_with_the_command(
    say: Say, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARTLINE_WAREHOUSE_URL", empty_database_url)
    code, _, err = say("schedules", "list")
    assert code == 1
    assert "Run: chartline migrate" in err
    assert say("migrate")[1].startswith("The warehouse is migrated from nothing to ")
    assert say("migrate")[1].startswith("The warehouse is up to date")
    assert say("schedules", "list")[0] == 0


def test_what_the_warehouse_itself_refuses_is_no_traceback(say: Say, conn: psycopg.Connection[Any]) -> None:
    conn.execute("alter table chart_sync_schedule add constraint odd check (history_days <> 13)")
    code, _, err = say("schedules", "add", "day", "--history-days", "13")
    assert code == 1
    assert err.startswith("The warehouse refused: ")
    assert '"odd"' in err


def test_charts_are_searched(say: Say) -> None:
    _, out, _ = say("charts", "search", "the", "--country", "fr", "--platform", "spotify")
    assert [line.split()[0] for line in out.splitlines()] == ["CHART", "day", "week", "year"]
    assert say("charts", "search", "nothing-like-it")[1] == "No chart matches.\n"
    assert say("charts", "search", "--country", "worldwide")[1] == "No chart matches.\n"


def test_an_empty_catalogue_says_how_to_fill_it(say: Say, conn: psycopg.Connection[Any]) -> None:
    conn.execute("delete from chart")
    code, _, err = say("charts", "search")
    assert code == 2
    assert err == "The catalogue is empty.\nFill it with: chartline catalogue refresh\n"


@pytest.mark.usefixtures("account")
def test_the_catalogue_is_refreshed_and_charts_of_it_followed(say: Say) -> None:
    code, out, err = say("catalogue", "refresh", "--platform", "spotify")
    assert (code, err) == (0, "")
    assert out.startswith("Stored 3 lists of platforms and ")
    assert "demo-france-daily" in say("charts", "search", "demo", "--platform", "spotify")[1]
    assert say("charts", "search", "--platform", "spotfy")[2].startswith(
        "platform: the catalogue has no charts of 'spotfy'."
    )
    again = say("catalogue", "refresh", "--platform", "spotify")[1]
    assert "with 0 calls" in again
    assert "Left alone" in again
    assert say("schedules", "add", "demo-shazam-daily")[0] == 0  # not on spotify: asked of the API
    code, _, err = say("catalogue", "refresh", "--platform", "nowhere")
    assert code == 2
    assert err.startswith("platform: Soundcharts has no charts of nowhere.")


@pytest.mark.usefixtures("account")
def test_refused_credentials_are_said_once(say: Say, simulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from simulator.settings import Settings

    simulator.service.configure(Settings(key_pairs={}), frozenset({"key_pairs"}))
    connection = {"conn_type": "http", "host": simulator.url, "login": "me", "password": "hidden"}
    monkeypatch.setenv("AIRFLOW_CONN_SOUNDCHARTS", json.dumps(connection))
    code, _, err = say("catalogue", "refresh")
    assert code == 1
    assert "hidden" not in err
    assert simulator.service.counts.summary()["total"] == 1
