"""Steps 4 and 6: the distinct artists of the run's tracks; what is due of them is planned."""

from __future__ import annotations

from chartline.cascade import planning
from chartline.cascade.planning import Ask
from chartline.cascade.resources import (
    ARTIST_AUDIENCE,
    ARTIST_LISTENERS,
    ARTIST_LOCAL_FOLLOWERS,
    ARTIST_LOCAL_STREAMING,
    ARTIST_METADATA,
    TRACK_METADATA,
)
from chartline.cascade.run import Run
from chartline.schedules import platforms
from chartline.warehouse import executions, ledger
from chartline.warehouse.ledger import Batch, Want


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
        wants = [Want(uuid) for uuid in executions.artists(conn, run.execution.id)]
        return planning.plan(conn, [Ask(ARTIST_METADATA, wants)], run.execution, run.settings, force=run.ask.force)


def plan_artist_audience(run: Run) -> list[Batch]:
    """Batches of the run's artists and platforms whose audience is due."""
    ask = run.ask
    if "artist_audience" not in ask.steps:
        return []
    with run.connect() as conn:
        uuids = executions.artists(conn, run.execution.id)
        options = {"first_days": ask.audience_days}

        def wants(served: tuple[str, ...]) -> list[Want]:
            return [Want(uuid, code) for code in ask.artist_platforms if code in served for uuid in uuids]

        asks = [
            Ask(ARTIST_AUDIENCE, wants(ask.artist_platforms), options),
            Ask(ARTIST_LISTENERS, wants(platforms.LISTENING_PLATFORMS), options),
        ]
        if run.settings.artist_cities:
            asks += [
                Ask(ARTIST_LOCAL_FOLLOWERS, wants(platforms.LOCAL_FOLLOWERS_PLATFORMS), options),
                Ask(ARTIST_LOCAL_STREAMING, wants(platforms.LOCAL_STREAMING_PLATFORMS), options),
            ]
        return planning.plan(conn, asks, run.execution, run.settings, force=ask.force)
