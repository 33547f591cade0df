"""The command line where no warehouse answers: every refusal is a message and an exit code, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chartline import cli, places
from chartline.cli import common, docs
from chartline.domain.schedule import ScheduleSettings

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CHARTLINE_WAREHOUSE_URL", "AIRFLOW_CONN_SOUNDCHARTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CHARTLINE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


NEED_A_WAREHOUSE = [
    ["migrate"],
    ["schedules", "add", "x"],
    ["schedules", "change", "x", "--history-days", "3"],
    ["schedules", "remove", "x"],
    ["schedules", "list"],
    ["schedules", "export"],
    ["charts", "search"],
    ["catalogue", "refresh"],
    ["gaps"],
    ["snapshot", "write"],
]


@pytest.mark.parametrize("command", NEED_A_WAREHOUSE, ids=" ".join)
def test_without_a_warehouse_set_each_command_says_what_to_do(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(command) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("The warehouse is not set: CHARTLINE_WAREHOUSE_URL is empty.\nSet it to postgresql://")


@pytest.mark.parametrize("command", NEED_A_WAREHOUSE, ids=" ".join)
def test_a_warehouse_that_does_not_answer_is_named_without_its_password(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARTLINE_WAREHOUSE_URL", "postgresql://me:hidden@127.0.0.1:1/chartline")
    assert cli.main(command) == 1
    said = capsys.readouterr().err
    assert said.startswith("The warehouse at 127.0.0.1:1/chartline does not answer")
    assert "hidden" not in said


@pytest.mark.parametrize(
    "command",
    [
        ["schedules", "add"],
        ["schedules", "add", "x", "--colour", "red"],
        ["schedules", "add", "x", "--history-days", "many"],
        ["schedules", "change", "x"],
        ["schedules", "apply", "nowhere.yaml"],
        ["charts", "search", "--limit", "0"],
        ["nonsense"],
    ],
    ids=" ".join,
)
def test_wrong_words_are_refused_with_2(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(command) == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe", "bad.yaml: is not UTF-8 text"),
        (b"charts: [{chart: a, cron: x}]", "bad.yaml: charts[1] a: cron: 'x' is not a cron"),
    ],
)
def test_a_bad_file_is_refused_before_anything_is_asked(
    content: bytes, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.yaml").write_bytes(content)
    assert cli.main(["schedules", "apply", "bad.yaml"]) == 2
    assert capsys.readouterr().err.startswith(reason)


def test_there_is_an_option_for_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("add", "change"):
        assert cli.main(["schedules", command, "--help"]) == 0
        said = capsys.readouterr().out
        for name in ScheduleSettings.model_fields:
            assert f"--{name.replace('_', '-')} " in said


def test_no_words_show_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([])
    said = capsys.readouterr()
    for command in ("migrate", "schedules", "charts", "catalogue", "simulate", "snapshot", "docs"):
        assert command in said.out + said.err


def test_it_runs_as_a_module() -> None:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "include")}
    done = subprocess.run(
        [sys.executable, "-m", "chartline.cli", "schedules", "list"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "CHARTLINE_WAREHOUSE_URL is empty" in done.stderr
    assert "Traceback" not in done.stderr


def test_simulate_hands_its_words_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", "--overlap", "7"]) == 2
    assert "overlap" in capsys.readouterr().err
    assert cli.main(["simulate", "--help"]) == 0
    assert "--latency-ms" in capsys.readouterr().out


def test_the_list_on_disk_is_shown_without_a_warehouse(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from chartline.schedules import snapshot

    assert cli.main(["snapshot", "show"]) == 0
    assert "There is no snapshot yet" in capsys.readouterr().out
    row = {
        "slug": "a",
        "name": "A",
        "platform": "spotify",
        "country_code": "",
        "chart_id": 1,
        "frequency": "daily",
        "sync_frequency": "daily",
        "created_at": "2026-11-01T00:00:00Z",
    }
    snapshot.write(tmp_path / "schedules.jsonl", [row, row | {"slug": "b", "cron": "x"}])
    assert cli.main(["snapshot", "show"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "2 schedules" in lines[0]
    assert lines[2].split() == ["chartline.chart_sync.a", "good"]
    assert lines[3].startswith("chartline.chart_sync.b  cron: 'x' is not")


def test_generated_pages_are_written_then_up_to_date_then_stale(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pages = {"text": "one"}
    monkeypatch.setattr(places, "REPOSITORY", tmp_path)
    monkeypatch.setattr(docs, "GENERATORS", {"page": lambda: ("docs/page.md", pages["text"])})
    assert cli.main(["docs", "--check"]) == 1
    assert "Not up to date: docs/page.md. Write them with: chartline docs" in capsys.readouterr().err
    assert cli.main(["docs"]) == 0
    assert (tmp_path / "docs/page.md").read_text() == "one"
    assert cli.main(["docs", "--check"]) == 0
    pages["text"] = "two"
    assert cli.main(["docs", "--check"]) == 1
    assert (tmp_path / "docs/page.md").read_text() == "one"


def test_the_page_of_settings_tells_of_each_one() -> None:
    _, text = docs.schedule_settings()
    for name, field in ScheduleSettings.model_fields.items():
        assert f"| `{name}` |" in text
        assert field.description
        assert field.description in text


def test_text_of_the_api_does_not_steer_the_terminal() -> None:
    table = common.columns(("A", "B"), [("\x1b[31mred\x07", "x\ny"), ("é", 7)])
    assert table.splitlines() == ["A          B", " [31mred   x y", "é          7"]
