from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psycopg

from chartline.domain.schedule import Schedule
from chartline.schedules import service, snapshot
from chartline.warehouse import schedules

Conn = psycopg.Connection[Any]


def test_the_list_says_what_the_warehouse_says(conn: Conn, warehouse_url: str, tmp_path: Path) -> None:
    path = tmp_path / "schedules.jsonl"
    added = service.add(conn, "week", {"is_active": False})
    service.add(conn, "day", {"cron": "0 9 * * 1"})
    assert snapshot.refresh(path, warehouse_url) is None
    lines = snapshot.load(path)
    assert [line.slug for line in lines] == ["day", "week"]
    assert lines[1].schedule == added
    assert [Schedule.of(row) for row in schedules.rows(conn)] == [line.schedule for line in lines]


def test_a_row_made_invalid_by_hand_is_an_error_line_and_the_others_stand(
    conn: Conn, warehouse_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "schedules.jsonl"
    for slug in ("day", "week", "year"):
        service.add(conn, slug)
    conn.execute(
        """update chart_sync_schedule s set track_platforms = '{apple-music}', cron = 'never', history_days = -5
           from chart c where c.id = s.chart_id and c.slug = 'week'"""
    )
    assert snapshot.refresh(path, warehouse_url) is None
    day, week, year = snapshot.load(path)
    assert day.schedule
    assert year.schedule
    assert week.dag_id == "chartline.chart_sync.week"
    assert [part.split(":")[0] for part in week.error.split("; ") if ": " in part] == [
        "cron",
        "history_days",
        "track_platforms",
    ]


def test_nothing_new_leaves_the_file_as_it_is(conn: Conn, warehouse_url: str, tmp_path: Path) -> None:
    path = tmp_path / "schedules.jsonl"
    service.add(conn, "day")
    snapshot.refresh(path, warehouse_url)
    before, inode = path.read_bytes(), path.stat().st_ino
    os.utime(path, (1, 1))
    assert snapshot.refresh(path, warehouse_url) is None
    assert (path.read_bytes(), path.stat().st_ino) == (before, inode)
    assert path.stat().st_mtime > 1
    service.change(conn, "day", {"history_days": 9})
    snapshot.refresh(path, warehouse_url, max_age=-1)
    assert path.stat().st_ino != inode


def test_a_warehouse_without_tables_leaves_the_last_list(
    conn: Conn, warehouse_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "schedules.jsonl"
    service.add(conn, "day")
    snapshot.refresh(path, warehouse_url)
    warning = snapshot.refresh(path, empty_database_url, max_age=-1)
    assert warning is not None
    assert "does not exist" in warning
    assert [line.slug for line in snapshot.load(path)] == ["day"]


def test_a_locked_table_is_not_waited_for(conn: Conn, warehouse_url: str, tmp_path: Path) -> None:
    path = tmp_path / "schedules.jsonl"
    service.add(conn, "day")
    snapshot.refresh(path, warehouse_url)
    with conn.transaction():
        conn.execute("lock table chart_sync_schedule in access exclusive mode")
        warning = snapshot.refresh(path, warehouse_url, max_age=-1)
    assert warning is not None
    assert "statement timeout" in warning
    assert len(snapshot.load(path)) == 1
