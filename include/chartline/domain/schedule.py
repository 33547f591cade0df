"""A schedule: a followed chart and how it is kept. Every refusal of a setting is here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
    field_validator,
    model_validator,
)

from chartline.domain import dag_ids, platforms
from chartline.domain.grid import FREQUENCIES, FRIDAY, MAX_HOURS, Frequency, Grid, check_cron
from chartline.errors import BadInput
from chartline.identifiers import MAX_SLUG, SLUG
from chartline.wording import shown

MAX_HISTORY_DAYS = 3650

Hours = Annotated[StrictInt, Field(ge=1, le=MAX_HOURS)]
Days = Annotated[StrictInt, Field(ge=1, le=MAX_HISTORY_DAYS)]


class ScheduleSettings(BaseModel):
    """What a person decides about a followed chart. Frozen; unknown keys are refused.

    `custom_interval_hours` or `cron`, one of the two, goes with `sync_frequency` custom and with nothing else.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    is_active: StrictBool = Field(True, description="whether it runs by itself; if not it can be run by hand")
    sync_frequency: Frequency = Field(
        description="daily, weekly, monthly or custom; default: the chart's own, else weekly"
    )
    custom_interval_hours: Hours | None = Field(None, description="custom: every so many hours, 1 to 8760")
    cron: str | None = Field(None, description="custom: a cron expression of five fields, in UTC")
    sync_immediately: StrictBool = Field(
        True, description="fetch the latest ranking at once, not at the next regular time"
    )
    sync_historical_data: StrictBool = Field(
        False, description="fetch the history too, as many days as history_days says"
    )
    history_days: Days = Field(365, description="how many days of history, 1 to 3650")
    fetch_track_metadata: StrictBool = Field(True, description="fetch what is known of each track")
    fetch_artist_metadata: StrictBool = Field(True, description="fetch what is known of each artist")
    fetch_track_audience: StrictBool = Field(True, description="fetch the audience of each track")
    fetch_artist_audience: StrictBool = Field(True, description="fetch the audience of each artist")
    track_platforms: platforms.TrackPlatforms = Field(
        platforms.DEFAULT_TRACK_PLATFORMS, description="platforms of the tracks' audience; airplay is radio"
    )
    artist_platforms: platforms.ArtistPlatforms = Field(
        platforms.DEFAULT_ARTIST_PLATFORMS, description="platforms of the artists' audience; airplay is radio"
    )

    @field_validator("cron")
    @classmethod
    def _cron_comes(cls, expression: str | None) -> str | None:
        return None if expression is None else check_cron(expression)

    @model_validator(mode="after")
    def _custom_says_when(self) -> Self:
        given = [name for name in ("custom_interval_hours", "cron") if getattr(self, name) is not None]
        if self.sync_frequency == "custom" and len(given) != 1:
            raise ValueError("sync_frequency: custom needs custom_interval_hours or cron, one of the two")
        if self.sync_frequency != "custom" and given:
            raise ValueError(f"{given[0]}: goes with sync_frequency custom only, not with {self.sync_frequency}")
        return self


class Schedule(ScheduleSettings):
    """A followed chart: the chart (`frequency` is its own, as the API words it), its settings and what is known of it.

    `history_asked_at`: the history lies before it; None: before the chart was followed. `history_held`: the history
    waits for a person's approval. `resumes_at`: where its DAG begins, as the intervals before were run under a former
    id. `began_with`: day of the oldest ranking that is stored. `weekday` (0 is Monday),
    `month_day`: the chart's own day, where it has one. `publication_delay`: learned, how long after an interval's end
    its ranking can be had.
    """

    slug: str = Field(pattern=SLUG, max_length=MAX_SLUG)
    name: str
    platform: str
    country_code: str
    chart_id: StrictInt
    frequency: str
    created_by: str = ""
    created_at: AwareDatetime
    history_asked_at: AwareDatetime | None = None
    history_held: StrictBool = False
    resumes_at: AwareDatetime | None = None
    began_with: date | None = None
    weekday: Annotated[StrictInt, Field(ge=0, le=6)] | None = None
    month_day: Annotated[StrictInt, Field(ge=1, le=31)] | None = None
    publication_delay: Annotated[timedelta, Field(ge=timedelta(0))] = timedelta(0)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Schedule:
        """The schedule of a row. Raises BadInput, one line a field."""
        try:
            return cls.model_validate(row)
        except ValidationError as wrong:
            raise refused(wrong) from None

    @property
    def dag_id(self) -> str:
        """`chartline.chart_sync.<slug>`."""
        return dag_ids.of_chart(self.slug)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings alone, as JSON values, in the order of the fields."""
        return self.model_dump(mode="json", include=set(ScheduleSettings.model_fields))

    @property
    def grid(self) -> Grid:
        """The grid of the schedule's data intervals."""
        return Grid(
            self.sync_frequency,
            weekday=FRIDAY if self.weekday is None else self.weekday,
            month_day=self.month_day,
            hours=self.custom_interval_hours,
            cron=self.cron,
            publication_delay=self.publication_delay,
        )

    @property
    def catchup(self) -> bool:
        """Whether the history is filled by runs of its own."""
        return self.is_active and self.sync_historical_data and not self.history_held

    @property
    def audience_days(self) -> int | None:
        """How far back its runs bring a series of audience: as far as the history goes, once that may come; None: as
        far as one call brings."""
        return self.history_days if self.sync_historical_data and not self.history_held else None

    @property
    def first_interval(self) -> tuple[datetime, datetime]:
        """Start and end of the interval that runs first: the latest complete one when the history was asked for, or,
        not `sync_immediately`, the one that was open then. The publication delay, which changes, does not move it."""
        boundary = self.grid.floor(self.history_asked_at or self.created_at)
        if self.sync_immediately:
            return self.grid.previous(boundary), boundary
        return boundary, self.grid.next(boundary)

    @property
    def start_date(self) -> datetime:
        """Where the schedule's intervals begin: with the one that holds the first day of the wanted past, or without
        history with the first that runs."""
        first, _ = self.first_interval
        if not self.sync_historical_data:
            return first
        return min(first, self.grid.floor(self.created_at - timedelta(days=self.history_days)))

    @property
    def begins(self) -> tuple[tuple[datetime, datetime], datetime]:
        """For its DAG: the interval that runs first, and where the history begins."""
        if self.resumes_at is None:
            return self.first_interval, self.start_date
        return (self.resumes_at, self.grid.next(self.resumes_at)), self.resumes_at

    def max_active_runs(self, window: int) -> int:
        """Room for all windows (of `window` periods) of the history at once and again, were it asked for twice, and for
        runs by hand, so that a new day's run is created without waiting for the history."""
        first, _ = self.first_interval
        widest = max(first - self.grid.back(first, window), timedelta(days=window))
        return 2 * -((self.start_date - first) // widest) + 8


def default_frequency(frequency: str) -> str:
    """The chart's own frequency where a schedule can have it, else weekly."""
    own = frequency.strip().lower()
    return own if own in FREQUENCIES and own != "custom" else "weekly"


def refused(error: ValidationError) -> BadInput:
    """A validation error as `BadInput`: one line a field, `field: reason`; `field` is the first one."""
    lines: dict[str, str] = {}
    for entry in error.errors(include_url=False):
        name, reason = _line(entry)
        lines.setdefault(name, reason)
    return BadInput("\n".join(f"{name}: {reason}" for name, reason in lines.items()), field=next(iter(lines)))


def _line(entry: Any) -> tuple[str, str]:
    reason = entry["msg"].removeprefix("Value error, ").replace("valid tuple", "list")
    if not entry["loc"]:  # a rule about two fields names its own
        name, _, reason = reason.partition(": ")
        return name, reason
    name = ".".join(str(part) for part in entry["loc"])
    if entry["type"] == "extra_forbidden":
        return name, "there is no such setting"
    if entry["type"] == "missing":
        return name, "is missing"
    if entry["type"] == "value_error":  # our own texts name the value
        return name, reason
    return name, f"{reason} (got {shown(entry['input'], 80)})"
