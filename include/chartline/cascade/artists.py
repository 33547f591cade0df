"""Steps 4 and 6: the distinct artists of the run's tracks; what is due of them is planned."""

from __future__ import annotations

from chartline.cascade import planning
from chartline.cascade.resources import TRACK_METADATA
from chartline.cascade.run import Run
from chartline.warehouse import executions, ledger
from chartline.warehouse.ledger import Batch


def others_at_work(run: Run) -> int:
    """How many of the run's tracks another run is fetching the metadata of.

    Their artists are not known before that is done, so deduplication waits for it.
    """
    with run.connect() as conn:
        uuids = executions.tracks(conn, run.execution.id)
        return ledger.held_by_others(conn, TRACK_METADATA.name, uuids, run.execution.owner)


def dedupe_artists(run: Run) -> list[Batch]:
    """Batches of the distinct artists of the run's tracks whose metadata is due."""
    if "artist_metadata" not in run.ask.steps:
        return []
    with run.connect() as conn:
        uuids = executions.artists(conn, run.execution.id)
        asks = planning.asks("artist_metadata", uuids, run.ask, run.settings)
        return planning.plan(conn, asks, run.execution, run.settings, force=run.ask.force)


def plan_artist_audience(run: Run) -> list[Batch]:
    """Batches of the run's artists and platforms whose audience is due."""
    ask = run.ask
    if "artist_audience" not in ask.steps:
        return []
    with run.connect() as conn:
        uuids = executions.artists(conn, run.execution.id, audience=True)
        asks = planning.asks("artist_audience", uuids, ask, run.settings)
        return planning.plan(conn, asks, run.execution, run.settings, force=ask.force)
