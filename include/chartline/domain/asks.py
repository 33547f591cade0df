"""What one run is asked to do: a schedule's settings, or a person's config, in one checked form."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from chartline.domain import platforms
from chartline.domain.platforms import ArtistPlatforms, TrackPlatforms
from chartline.domain.schedule import MAX_HISTORY_DAYS, Schedule, refused
from chartline.errors import BadInput
from chartline.identifiers import MAX_SLUG, SLUG

Step = Literal["track_metadata", "artist_metadata", "track_audience", "artist_audience"]
STEPS: tuple[Step, ...] = ("track_metadata", "artist_metadata", "track_audience", "artist_audience")
METADATA: tuple[Step, ...] = ("track_metadata", "artist_metadata")
AUDIENCE: tuple[Step, ...] = ("track_audience", "artist_audience")

FIRST_DAY = date(1900, 1, 1)
"""Before any chart, and far enough from the first day that a calendar knows."""

MAX_DAYS = 366
"""A run by config takes a year at the most: what it has to fetch is held in one process."""


class CascadeAsk(BaseModel):
    """One run: the chart, its days, the steps and platforms, and whether freshness is ignored.

    Its days are one of four: `day`; exactly `days`; the days that a data interval owns (`interval`, possibly none);
    with none of these the latest ranking. `current`: the interval is the newest complete one, so that its ranking is
    the latest or is about to come; `due`: the newest day that had ended with it, for one that owns no day itself. Runs
    of the history fetch no audience: each would ask for the same series again. `followed`: the day on which a schedule
    began: what lies before the ranking that was the latest then is its past, which its runs of the present bring
    without audience, and only where `past_wanted`. `audience_days`: how far back a series goes the first time; None: as
    far as one call brings.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    chart: str = Field(pattern=SLUG, max_length=MAX_SLUG)
    day: date | None = None
    days: tuple[date, ...] | None = Field(default=None, min_length=1, max_length=MAX_DAYS)
    interval: tuple[date, ...] | None = None
    current: bool = False
    due: date | None = None
    followed: date | None = None
    past_wanted: bool = False
    steps: tuple[Step, ...] = STEPS
    track_platforms: TrackPlatforms = platforms.DEFAULT_TRACK_PLATFORMS
    artist_platforms: ArtistPlatforms = platforms.DEFAULT_ARTIST_PLATFORMS
    audience_days: int | None = Field(default=None, ge=1, le=MAX_HISTORY_DAYS)
    force: bool = False

    @field_validator("day", "days")
    @classmethod
    def _within_the_time_of_charts(cls, given: date | tuple[date, ...] | None) -> date | tuple[date, ...] | None:
        days = given if isinstance(given, tuple) else [given] if given else []
        future = [day for day in days if day > datetime.now(UTC).date()]
        if future:
            raise ValueError(f"{min(future)} lies in the future; a ranking exists only for days past")
        if days and min(days) < FIRST_DAY:
            raise ValueError(f"{min(days)} lies before {FIRST_DAY}; no chart is that old")
        return tuple(sorted(set(given))) if isinstance(given, tuple) else given

    @model_validator(mode="after")
    def _one_way_to_say_which_days(self) -> Self:
        if self.day and self.days:
            raise ValueError("days: goes without day; name the one or the others")
        return self

    @property
    def past(self) -> tuple[date, ...] | None:
        """The days of a run of the history, by interval or by name; None for one about the latest or a day by hand."""
        return self.days if self.days is not None else None if self.current else self.interval

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A person's config. Raises BadInput naming every wrong or unknown key."""
        ours = sorted({"interval", "current", "due", "followed", "past_wanted"} & set(config))
        if ours:
            raise BadInput(f"{ours[0]}: there is no such setting", field=ours[0])
        return cls._checked(config)

    @classmethod
    def from_schedule(
        cls,
        schedule: Schedule,
        config: dict[str, Any],
        interval: tuple[Sequence[date], bool] | None = None,
        due: date | None = None,
    ) -> Self:
        """A schedule's run; `config` may name a day or days, and force. Raises BadInput for any other key.

        interval: the days that the run's data interval owns, and whether it is the newest complete one; due: the
        newest day that had ended with it. Both yield to a day or days in the config.
        """
        unknown = sorted(set(config) - {"day", "days", "force"})
        if unknown:
            raise BadInput(
                f"config: unknown key {', '.join(unknown)}.",
                field=unknown[0],
                advice="A scheduled chart takes only day, days and force; chartline.chart_cascade takes anything else.",
            )
        asked: dict[str, Any] = {
            "chart": schedule.slug,
            "steps": tuple(step for step in STEPS if getattr(schedule, f"fetch_{step}")),
            "track_platforms": schedule.track_platforms,
            "artist_platforms": schedule.artist_platforms,
            "audience_days": schedule.audience_days,
            **config,
        }
        if interval is not None and config.get("day") is None and config.get("days") is None:
            days, current = interval
            asked |= {"interval": tuple(sorted(days)), "current": current, "due": due}
            asked |= {"followed": schedule.created_at.astimezone(UTC).date(), "past_wanted": schedule.catchup}
        return cls._checked(asked)

    @classmethod
    def _checked(cls, asked: dict[str, Any]) -> Self:
        try:
            ask = cls(**asked)
        except ValidationError as error:
            raise refused(error) from None
        if ask.past is None:
            return ask
        return ask.model_copy(update={"steps": tuple(step for step in ask.steps if step in METADATA)})
