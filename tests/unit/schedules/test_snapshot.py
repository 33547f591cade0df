from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from chartline.domain.schedule import Schedule
from chartline.schedules import snapshot
from chartline.warehouse import schedules

DEAD = "postgresql://someone:hidden@127.0.0.1:1/chartline"


def row(slug: str, **changes: Any) -> dict[str, Any]:
    return {
        "slug": slug,
        "name": "Ünïcode",
        "platform": "spotify",
        "country_code": "FR",
        "chart_id": 7,
        "frequency": "daily",
        "sync_frequency": "daily",
        "created_at": datetime(2026, 11, 1, 10, tzinfo=UTC),
        **changes,
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "schedules.jsonl"


def test_what_is_written_is_read_sorted_whatever_the_order(path: Path) -> None:
    snapshot.write(path, [row("b"), row("a-b"), row("a")])
    lines = snapshot.load(path)
    assert [line.slug for line in lines] == ["a", "a-b", "b"]
    assert lines[0].schedule == Schedule.of(row("a"))
    assert lines[0].dag_id == "chartline.chart_sync.a"


def test_the_same_rows_make_the_same_lines_and_leave_the_file_alone(path: Path) -> None:
    assert snapshot.write(path, [row("b"), row("a")])
    before = path.read_bytes()
    os.utime(path, (1, 1))
    assert not snapshot.write(path, [row("a"), row("b")])
    assert path.read_bytes() == before
    assert path.stat().st_mtime > 1
    assert snapshot.write(path, [row("a")])
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_row_that_does_not_validate_is_a_line_with_the_reason_and_hurts_no_other(path: Path) -> None:
    snapshot.write(path, [row("a"), row("bad", history_days=0, track_platforms=["tidal"]), row("c")])
    good, bad, other = snapshot.load(path)
    assert good.schedule
    assert other.schedule
    assert bad.schedule is None
    assert bad.error.startswith("history_days: ")
    assert "; track_platforms: " in bad.error
    assert bad.row is not None
    assert bad.row["history_days"] == 0


def test_the_file_is_a_header_and_one_json_object_a_schedule(path: Path) -> None:
    snapshot.write(path, [row("a"), row("bad", cron="x")])
    header, good, bad = [json.loads(line) for line in path.read_text().splitlines()]
    assert header["snapshot"] == 1
    assert list(good) == ["slug", "schedule"]
    assert list(bad) == ["slug", "error", "row"]


@pytest.mark.parametrize("slug", ["chart-0", "chart-500", "chart-99"])
def test_one_line_is_found_and_only_that_one_is_parsed(path: Path, slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot.write(path, [row(f"chart-{number}") for number in range(1000)])
    decode = Mock(side_effect=snapshot._decode)
    monkeypatch.setattr(snapshot, "_decode", decode)
    line = snapshot.load_one(path, slug)
    assert line is not None
    assert line.slug == slug
    assert decode.call_count == 1


def test_one_line_that_is_not_there(path: Path) -> None:
    assert snapshot.load_one(path, "a") is None
    snapshot.write(path, [row("ab")])
    assert snapshot.load_one(path, "a") is None


def test_a_slug_that_no_dag_id_can_hold_is_found_by_its_dag(path: Path) -> None:
    snapshot.write(path, [row("a b"), row("a")])
    bad = next(line for line in snapshot.load(path) if line.error)
    assert snapshot.load_one(path, bad.dag_id.removeprefix("chartline.chart_sync.")) == bad
    assert snapshot.load_one(path, "a b") == bad


def test_a_stricter_code_than_wrote_the_line_says_what_is_wrong(path: Path) -> None:
    snapshot.write(path, [row("a"), row("b")])
    path.write_text(path.read_text().replace('"slug":"a","name"', '"slug":"a","retired":1,"name"'))
    first, second = snapshot.load(path)
    assert first.error == "retired: there is no such setting"
    assert second.schedule


def test_a_damaged_line_is_left_out_and_mended_by_the_next_write(path: Path) -> None:
    snapshot.write(path, [row("a"), row("b")])
    path.write_bytes(path.read_bytes()[:-40])
    assert [line.slug for line in snapshot.load(path)] == ["a"]
    assert snapshot.write(path, [row("a"), row("b")])
    assert [line.slug for line in snapshot.load(path)] == ["a", "b"]


def test_a_dead_warehouse_leaves_the_last_list_and_warns_without_the_password(path: Path) -> None:
    snapshot.write(path, [row("a")])
    os.utime(path, (time.time() - 90, time.time() - 90))
    before = path.read_bytes()
    warning = snapshot.refresh(path, DEAD)
    assert warning is not None
    assert "does not answer" in warning
    assert "The list of 90 s ago stands." in warning
    assert "hidden" not in warning
    assert path.read_bytes() == before
    assert time.time() - path.stat().st_mtime > 80


@pytest.mark.parametrize(
    ("url", "reason"),
    [("", "CHARTLINE_WAREHOUSE_URL is not set"), ("postgres:/\\x y", "cannot be read"), (DEAD, "refused")],
)
def test_without_a_list_and_without_a_warehouse_there_is_a_warning_and_no_schedule(
    path: Path, url: str, reason: str
) -> None:
    warning = snapshot.refresh(path, url)
    assert warning is not None
    assert reason in warning
    assert warning.endswith("There is no earlier list.")
    assert snapshot.load(path) == []


def test_a_disk_that_takes_nothing_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(schedules, "snapshot_rows", lambda url: ([row("a")], []))
    warning = snapshot.refresh(tmp_path / "file" / "schedules.jsonl", DEAD)
    assert warning is not None
    assert "Not a directory" in warning or "File exists" in warning


def test_a_young_list_is_not_renewed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = Mock(return_value=([row("a")], []))
    monkeypatch.setattr(schedules, "snapshot_rows", ask)
    assert snapshot.refresh(path, DEAD) is None
    assert snapshot.refresh(path, DEAD) is None
    assert ask.call_count == 1
    assert snapshot.refresh(path, DEAD, max_age=-1) is None
    assert ask.call_count == 2


def test_former_ids_are_kept_with_it(path: Path) -> None:
    assert snapshot.load_former(path) == []
    assert snapshot.write(path, [row("a")], ["chart_sync.a"])
    assert (snapshot.load_former(path), [line.slug for line in snapshot.load(path)]) == (["chart_sync.a"], ["a"])
    assert not snapshot.write(path, [row("a")], ["chart_sync.a"])
    assert snapshot.write(path, [row("a")])
    assert snapshot.load_former(path) == []
    path.write_text("damaged")
    assert snapshot.load_former(path) == []


def test_the_default_place_is_in_the_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHARTLINE_HOME", str(tmp_path))
    assert snapshot.default_path() == tmp_path / "schedules.jsonl"
    monkeypatch.delenv("CHARTLINE_HOME")
    assert snapshot.default_path().parent.name == ".chartline"
