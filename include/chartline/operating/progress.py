"""How far a run is, in percent and by step: from its row and the ledger, which tells of each thing it needs."""

from __future__ import annotations

from pydantic import BaseModel

from chartline.cascade import resources
from chartline.domain.asks import STEPS, CascadeAsk
from chartline.domain.run_status import GOOD
from chartline.settings import Settings
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import executions
from chartline.warehouse.reads.executions import ProgressPart, Row

WEIGHTS = {"ranking": 10, "track_metadata": 15, "artist_metadata": 15, "track_audience": 30, "artist_audience": 30}
"""What each step is of the whole, in percent, where all are asked for."""


class Piece(BaseModel):
    """One resource on one platform ("" where it has none): items wanted, done, failed, being fetched now."""

    resource: str
    platform: str
    wanted: int
    done: int
    failed: int
    open: int


class StepProgress(BaseModel):
    """One step of a run. `share`: 0 to 1. `wanted` grows while the steps before bring tracks and artists."""

    step: str
    share: float
    wanted: int
    done: int
    failed: int
    open: int
    pieces: list[Piece] = []


class Progress(BaseModel):
    """How far a run is. `percent`: 100 when it ended well, 99 at the most while it is running; what it came to where it
    ended badly. `step`: the first that is not done, None at the end."""

    percent: int
    step: str | None
    steps: list[StepProgress]


def of(conn: Connection, row: Row, settings: Settings) -> Progress:
    """The progress of an execution. Two queries: a look into the ledger for each thing that it needs."""
    if "chart" not in row.settings:  # it has not got so far as to know what it is asked for, or refreshes an audience
        step = "ranking" if row.status == "running" and not row.settings else None
        return Progress(percent=100 if row.status in GOOD else 0, step=step, steps=[])
    ask = CascadeAsk.model_construct(**row.settings)
    of_step = {
        step: [
            (one.subject, one.name, facet) for one, facets in resources.pieces(step, ask, settings) for facet in facets
        ]
        for step in STEPS
        if step in (row.settings.get("steps") or ())
    }
    asked = [piece for pieces in of_step.values() for piece in pieces]
    parts = executions.parts(conn, row, asked, force=bool(row.settings.get("force")))
    step_of = {piece[1:]: step for step, pieces in of_step.items() for piece in pieces}
    steps = [_ranking(conn, row, ask)]
    for step in of_step:
        steps.append(_step(step, [part for part in parts if step_of[part.resource, part.facet] == step], row))
    _in_turn(steps)
    return Progress(percent=_percent(steps, row.status), step=_first_open(steps, row.status), steps=steps)


def _ranking(conn: Connection, row: Row, ask: CascadeAsk) -> StepProgress:
    done = len(executions.rankings_done(conn, row.id))
    days = ask.days if ask.days is not None else () if ask.current else ask.interval or ()
    wanted = max(len(days), 1)
    settled = min(done + len(row.days_absent), wanted)
    failed = min(len(row.days_left), wanted - settled)
    return StepProgress(
        step="ranking", share=(settled + failed) / wanted, wanted=wanted, done=settled, failed=failed, open=0
    )


def _step(step: str, parts: list[ProgressPart], row: Row) -> StepProgress:
    pieces = []
    for part in parts:
        failed = min(part.failed, part.wanted - part.done)
        piece = Piece(
            resource=part.resource,
            platform=part.facet,
            wanted=part.wanted,
            done=part.done,
            failed=failed,
            open=part.open if row.status == "running" else 0,
        )
        pieces.append(piece)
    wanted, done, failed, at_work = (
        sum(getattr(piece, name) for piece in pieces) for name in ("wanted", "done", "failed", "open")
    )
    share = (done + failed) / wanted if wanted else 1.0
    return StepProgress(step=step, share=share, wanted=wanted, done=done, failed=failed, open=at_work, pieces=pieces)


def _in_turn(steps: list[StepProgress]) -> None:
    """No step is further than what it waits for: artists are known as far as their tracks' metadata is here, and
    tracks as far as the rankings are."""
    share = {step.step: step.share for step in steps}
    for step in steps[1:]:
        step.share *= share["ranking"]
        if step.step.startswith("artist"):
            step.share *= share.get("track_metadata", 1.0)


def _percent(steps: list[StepProgress], status: str) -> int:
    if status in GOOD:
        return 100
    whole = sum(WEIGHTS[step.step] for step in steps)
    reached = sum(WEIGHTS[step.step] * step.share for step in steps) / whole
    return min(int(100 * reached), 99)


def _first_open(steps: list[StepProgress], status: str) -> str | None:
    if status != "running":
        return None
    return next((step.step for step in steps if step.share < 1), steps[-1].step)
