"""What one run is asked to do: a schedule's settings, or a person's config, in one checked form."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from chartline.errors import BadInput
from chartline.schedules import platforms
from chartline.schedules.model import MAX_HISTORY_DAYS, SLUG, Schedule, refused
from chartline.schedules.platforms import ArtistPlatforms, TrackPlatforms

Step = Literal["track_metadata", "artist_metadata", "track_audience", "artist_audience"]
STEPS: tuple[Step, ...] = ("track_metadata", "artist_metadata", "track_audience", "artist_audience")


class CascadeAsk(BaseModel):
    """One run: the chart, the day (None: the latest), the steps and platforms, and whether freshness is ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chart: str = Field(pattern=SLUG)
    day: date | None = None
    steps: tuple[Step, ...] = STEPS
    track_platforms: TrackPlatforms = platforms.DEFAULT_TRACK_PLATFORMS
    artist_platforms: ArtistPlatforms = platforms.DEFAULT_ARTIST_PLATFORMS
    audience_days: int = Field(default=90, ge=1, le=MAX_HISTORY_DAYS)
    force: bool = False

    @field_validator("day")
    @classmethod
    def _not_in_the_future(cls, day: date | None) -> date | None:
        if day and day > datetime.now(UTC).date():
            raise ValueError("lies in the future; a ranking exists only for days past")
        return day

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A person's config. Raises BadInput naming every wrong or unknown key."""
        try:
            return cls(**config)
        except ValidationError as error:
            raise refused(error) from None

    @classmethod
    def from_schedule(cls, schedule: Schedule, config: dict[str, Any]) -> Self:
        """A schedule's run; `config` may name a day and force. Raises BadInput for any other key."""
        unknown = sorted(set(config) - {"day", "force"})
        if unknown:
            raise BadInput(
                f"config: unknown key {', '.join(unknown)}.",
                field=unknown[0],
                advice="A scheduled chart takes only day and force; use chart_cascade for anything else.",
            )
        steps = tuple(step for step in STEPS if getattr(schedule, f"fetch_{step}"))
        return cls.from_config(
            {
                "chart": schedule.slug,
                "steps": steps,
                "track_platforms": schedule.track_platforms,
                "artist_platforms": schedule.artist_platforms,
                "audience_days": schedule.history_days if schedule.sync_historical_data else 90,
                **config,
            }
        )
