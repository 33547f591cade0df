"""Who goes first: what is asked for by name in the order of all tasks that wait."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from chartline_airflow.priority import NewestFirst

TASKS = {  # task: its own weight and its pool, as the builder gives them
    "fetch_ranking": (100, "chartline_rankings"),
    "upsert_tracks": (90, "default_pool"),
    "track_metadata": (80, "chartline_fetch"),
    "track_audience": (40, "chartline_fetch"),
    "report_run": (100, "default_pool"),
}
NEW, OLD, OLDER = (
    "scheduled__2026-11-19",
    "scheduled__2026-10-19_to_2026-11-18_1",
    "scheduled__2025-11-20_to_2025-12-12_9",
)


def weight(run_id: str, task: str) -> int:
    own, pool = TASKS[task]
    instance: Any = SimpleNamespace(run_id=run_id, task=SimpleNamespace(task_id=task, priority_weight=own, pool=pool))
    return NewestFirst().get_weight(instance)


def test_a_new_day_goes_before_the_past_and_its_audience_after_the_pasts_metadata() -> None:
    past = [weight(run_id, task) for run_id in (OLD, OLDER, "backfill__x", "heal__x") for task in TASKS]
    for run_id in (NEW, "manual__x"):
        assert min(weight(run_id, task) for task in TASKS if task != "track_audience") > max(past)
    assert weight(NEW, "track_audience") < weight(OLD, "track_metadata")


def test_what_is_begun_is_ended_before_another_window_begins() -> None:
    assert weight(OLDER, "report_run") > weight(OLDER, "upsert_tracks") > weight(OLDER, "track_metadata")
    begun = min(weight(OLDER, task) for task in TASKS if task != "fetch_ranking")
    assert begun > weight(OLD, "fetch_ranking")
    assert weight(NEW, "track_audience") > weight(OLD, "fetch_ranking")


def test_newer_windows_begin_before_older_ones_and_what_was_asked_for_before_both() -> None:
    assert weight(OLD, "fetch_ranking") > weight(OLDER, "fetch_ranking")
    assert weight("scheduled__2026-10-19T06:00_to_2026-11-18_1", "fetch_ranking") == weight(OLD, "fetch_ranking")
    for asked in ("backfill__2020-01-01T00:00:00+00:00", "heal__x_2020-01-01_1"):
        assert weight(OLD, "fetch_ranking") < weight(asked, "fetch_ranking") < 0
