"""Step 2: the kept pages become a ranking with its tracks; what is due of the tracks is planned."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import psycopg

from chartline.cascade import planning, ranking
from chartline.cascade.planning import Ask
from chartline.cascade.resources import TRACK_AIRPLAY, TRACK_AUDIENCE, TRACK_METADATA
from chartline.cascade.run import Run
from chartline.errors import ContractBroken, RankingIncomplete
from chartline.schedules.platforms import AIRPLAY
from chartline.soundcharts import models
from chartline.soundcharts.calls import Answer
from chartline.warehouse import charts, executions, rankings, raw
from chartline.warehouse.executions import Counts
from chartline.warehouse.ledger import Batch, Want


def upsert_tracks(run: Run, days: Sequence[str]) -> list[Batch]:
    """Store the rankings of `days` (ISO), one transaction each, and plan the track metadata that is due.

    Raises ContractBroken (names the field) and RankingIncomplete; nothing of that ranking is written then, and
    clearing fetch_ranking fetches it anew.
    """
    with run.connect() as conn:
        for day in days:
            try:
                with conn.transaction():
                    _store(conn, run, date.fromisoformat(day))
            except (ContractBroken, RankingIncomplete):
                # Else these pages would pass for the day's ranking for as long as they are kept.
                raw.set_aside(conn, ranking.RESOURCE, run.ask.chart, day, ranking.BROKEN)
                raise
        return plan_track_metadata(conn, run)


def has_ranking(run: Run) -> bool:
    """Whether the run came to have a ranking."""
    with run.connect() as conn:
        return executions.ranking_count(conn, run.execution.id) > 0


def _store(conn: psycopg.Connection[Any], run: Run, day: date) -> None:
    slug = run.ask.chart
    chart = charts.find(conn, slug)
    stored = rankings.find(conn, chart.id, day) if chart else None
    pages = raw.latest(conn, ranking.RESOURCE, slug, day.isoformat())
    if stored and (not pages or pages[0].fetched_at <= stored.fetched_at):
        executions.link_ranking(conn, run.execution.id, stored.id)
        return
    if not pages:
        raise RankingIncomplete(
            f"The pages of {slug} of {day} are not kept any more.", advice="Clear fetch_ranking to fetch them again."
        )
    parsed = [models.parse(models.RankingPage, _answer(page)) for page in pages]
    chart_id = charts.upsert_chart(conn, parsed[0].chart)
    done = rankings.store(conn, chart_id, parsed, pages[0].fetched_at)
    executions.link_ranking(conn, run.execution.id, done.ranking_id)
    executions.add_counts(
        conn,
        run.execution.id,
        Counts(
            rankings_created=int(done.created),
            rankings_updated=int(not done.created),
            entries_stored=done.entries,
            tracks_created=done.tracks_created,
            tracks_updated=done.tracks_updated,
        ),
    )


def _answer(page: raw.RawAnswer) -> Answer:
    return Answer(page.endpoint, page.path, json.loads(page.body), page.body, (), page.fetched_at)


def plan_track_metadata(conn: psycopg.Connection[Any], run: Run) -> list[Batch]:
    """Batches of the run's tracks whose metadata is due."""
    if "track_metadata" not in run.ask.steps:
        return []
    wants = [Want(uuid) for uuid in executions.tracks(conn, run.execution.id)]
    return planning.plan(conn, [Ask(TRACK_METADATA, wants)], run.execution, run.settings, force=run.ask.force)


def plan_track_audience(run: Run) -> list[Batch]:
    """Batches of the run's tracks and platforms whose audience is due; airplay has its own endpoint."""
    ask = run.ask
    if "track_audience" not in ask.steps:
        return []
    with run.connect() as conn:
        uuids = executions.tracks(conn, run.execution.id)
        options = {"first_days": ask.audience_days}
        series = [Want(uuid, code) for code in ask.track_platforms if code != AIRPLAY for uuid in uuids]
        airplay = [Want(uuid, AIRPLAY) for uuid in uuids] if AIRPLAY in ask.track_platforms else []
        asks = [Ask(TRACK_AUDIENCE, series, options), Ask(TRACK_AIRPLAY, airplay, options)]
        return planning.plan(conn, asks, run.execution, run.settings, force=ask.force)
