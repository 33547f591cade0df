"""The audience of given tracks and artists, without a ranking of the run's own: what is asked, planned, reported."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from chartline.cascade import planning, report
from chartline.cascade.planning import Ask
from chartline.cascade.run import Run
from chartline.domain import platforms
from chartline.domain.asks import AUDIENCE
from chartline.domain.schedule import MAX_HISTORY_DAYS, refused
from chartline.errors import BadInput, UnknownChart
from chartline.identifiers import MAX_SLUG, SLUG, UUID, is_whole
from chartline.settings import Settings
from chartline.warehouse import executions
from chartline.warehouse.connect import Connection
from chartline.warehouse.ledger import Batch
from chartline.warehouse.reads import entities
from chartline.warehouse.reads.entities import Kind

MAX_THINGS, MAX_CHARTS = 10_000, 1_000
NAMED = 5
"""So many of what is not known are named in a refusal."""


def _uuid(text: str) -> str:
    if not is_whole(UUID, text):
        raise ValueError(f"{text[:80]!r} is not a UUID")
    return text.lower()


Uuid = Annotated[str, AfterValidator(_uuid)]
Slug = Annotated[str, Field(pattern=SLUG, max_length=MAX_SLUG)]


class RefreshAsk(BaseModel):
    """Whose audience is to be brought up to date: tracks, artists, and those of the newest ranking of charts.

    `platforms`: None for the usual ones of tracks and of artists; each serves tracks, artists or both. `audience_days`:
    how far back a series goes the first time; None: as far as one call brings. `stale_only`:
    what is still fresh costs no call; without it, what was fetched before today (UTC) is asked again; with `force`,
    everything.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tracks: tuple[Uuid, ...] = Field(default=(), max_length=MAX_THINGS)
    artists: tuple[Uuid, ...] = Field(default=(), max_length=MAX_THINGS)
    charts: tuple[Slug, ...] = Field(default=(), max_length=MAX_CHARTS)
    platforms: tuple[str, ...] | None = Field(default=None, min_length=1)
    audience_days: int | None = Field(default=None, ge=1, le=MAX_HISTORY_DAYS)
    stale_only: bool = True
    force: bool = False

    @model_validator(mode="after")
    def _something_to_do(self) -> Self:
        if not (self.tracks or self.artists or self.charts):
            raise ValueError("tracks: name a track, an artist or a chart at least")
        served = {
            *(platforms.TRACK_PLATFORMS if self.tracks or self.charts else ()),
            *(platforms.ARTIST_PLATFORMS if self.artists or self.charts else ()),
        }
        wrong = [code for code in self.platforms or () if code not in served]
        if wrong:
            things = "tracks and artists" if self.charts else "tracks" if not self.artists else "artists"
            raise ValueError(
                f"platforms: the Soundcharts API serves no audience of {things} for {', '.join(map(repr, wrong))}; "
                f"it does for {', '.join(sorted(served))}"
            )
        return self

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A person's config; an empty list of platforms means the usual. Raises BadInput naming every wrong key."""
        try:
            return cls(**{key: value for key, value in config.items() if key != "platforms" or value})
        except ValidationError as error:
            raise refused(error) from None

    @property
    def track_platforms(self) -> tuple[str, ...]:
        """Those asked of tracks."""
        return _chosen(self.platforms, platforms.TRACK_PLATFORMS, platforms.DEFAULT_TRACK_PLATFORMS)

    @property
    def artist_platforms(self) -> tuple[str, ...]:
        """Those asked of artists."""
        return _chosen(self.platforms, platforms.ARTIST_PLATFORMS, platforms.DEFAULT_ARTIST_PLATFORMS)

    def stale_before(self, started_at: datetime) -> datetime | None:
        """What was fetched before it is asked again although it is fresh; None: nothing."""
        if self.force:
            return started_at
        return None if self.stale_only else datetime.combine(started_at.astimezone(UTC).date(), time(), UTC)


def _chosen(asked: Sequence[str] | None, served: Sequence[str], usual: tuple[str, ...]) -> tuple[str, ...]:
    return usual if asked is None else tuple(dict.fromkeys(code for code in asked if code in served))


# -- a run without a ranking of its own ----------------------------------------------------------------------


def check(conn: Connection, ask: RefreshAsk) -> list[int]:
    """The ids of the newest rankings of the asked charts.

    Raises BadInput (tracks or artists that the warehouse does not know, a chart without a ranking) and UnknownChart.
    """
    kinds: tuple[tuple[Kind, Sequence[str]], ...] = (("tracks", ask.tracks), ("artists", ask.artists))
    for name, given in kinds:
        unknown = entities.unknown(conn, name, given)
        if unknown:
            raise BadInput(
                f"{name}: {_some(unknown)} {'is' if len(unknown) == 1 else 'are'} not in the warehouse.",
                field=name,
                advice="Tracks and artists come with the rankings of charts.",
            )
    newest = entities.newest_rankings(conn, ask.charts)
    unknown = [slug for slug in ask.charts if slug not in newest]
    if unknown:
        raise UnknownChart(
            f"charts: {_some(unknown)} {'is' if len(unknown) == 1 else 'are'} not in the catalogue.",
            field="charts",
            advice="Find the slug with: chartline charts search",
        )
    bare = [slug for slug in ask.charts if newest[slug] is None]
    if bare:
        raise BadInput(
            f"charts: {_some(bare)} {'has' if len(bare) == 1 else 'have'} no stored ranking.",
            field="charts",
            advice="Fetch one with the DAG chartline.chart_cascade, which brings the audience too.",
        )
    return [found for slug in ask.charts if (found := newest[slug]) is not None]


def whose(conn: Connection, ask: RefreshAsk) -> tuple[list[str], list[str]]:
    """The tracks and the artists that are asked for, those of the charts as they are now. Raises as `check`."""
    rankings = check(conn, ask)
    return (
        sorted({*ask.tracks, *entities.tracks_of(conn, rankings)}),
        sorted({*ask.artists, *entities.artists_of(conn, rankings)}),
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def asks(ask: RefreshAsk, tracks: Sequence[str], artists: Sequence[str], settings: Settings) -> list[Ask]:
    """All that is asked for of these tracks and artists: both what is planned and what an estimate counts."""
    both = zip(AUDIENCE, (tracks, artists), strict=True)
    return [one for step, uuids in both for one in planning.asks(step, uuids, ask, settings)]


def plan_refresh(run: Run) -> list[Batch]:
    """Batches of all that is due of what the run was asked for. Raises as `check`."""
    ask = asked(run)
    with run.connect() as conn:
        executions.link_rankings(conn, run.execution.id, check(conn, ask), its_chart=False)
        tracks = sorted({*ask.tracks, *executions.tracks(conn, run.execution.id)})
        artists = sorted({*ask.artists, *executions.artists(conn, run.execution.id)})
        return planning.plan(
            conn,
            asks(ask, tracks, artists, run.settings),
            run.execution,
            run.settings,
            force=ask.force,
            stale_before=ask.stale_before(run.execution.started_at),
        )


def report_refresh(run: Run, failed_tasks: Sequence[str]) -> dict[str, Any]:
    """Close the run's execution and return its row. Raises RunFailed, after closing, as `report.report_run` does, but
    for a ranking, which this run has none of."""
    ask = asked(run)
    return report.close(
        run,
        failed_tasks,
        steps=AUDIENCE,
        wanted=ask,
        entities=[*ask.tracks, *ask.artists],
        needs_ranking=False,
    )


def asked(run: Run) -> RefreshAsk:
    """What the run was asked for, as fixed when its execution was opened."""
    return RefreshAsk.model_validate(run.execution.settings)
