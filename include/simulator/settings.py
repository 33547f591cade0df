"""What can be changed while the simulator runs, except the world itself (see `world.WorldSettings`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from simulator.faults import FaultRule
from simulator.odd_answers import Wanted, mistakes
from simulator.oddities import NATURAL

CONTROL_HEADER = "x-control-token"
TOKEN_VARIABLE = "CHARTLINE_SIMULATOR_TOKEN"  # noqa: S105 - the name of a variable

Share = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseModel):
    """Behaviour of the server. An unknown key is refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_ms: float = Field(0, ge=0, le=600_000, description="an answer takes at least this long")
    latency_jitter_ms: float = Field(0, ge=0, le=600_000, description="give or take up to this much, evenly spread")
    rate_limit_per_minute: int = Field(5_000, ge=1, description="calls in any 60 seconds, per account")
    quota: int = Field(1_000_000, ge=0, description="billed calls left from now on; setting it fills it up again")
    faults: list[FaultRule] = Field(default_factory=list, description="the first rule that strikes a call is applied")
    timeout_seconds: float = Field(60, gt=0, le=3_600, description="how long a `timeout` fault hangs before its 504")
    oddities: Share | list[str] = Field(
        1.0, description="0 to 1 scales the natural rate of odd shapes; names make just those strike always"
    )
    odd_answers: Share | dict[str, Share | list[str]] = Field(
        0.0, description="odd answers by name: the share that they strike, or patterns of what; one share is for all"
    )
    invalid_platform_song: Literal[400, 404] = Field(400, description="status for a platform without song audience")
    invalid_platform_artist: Literal[400, 404] = Field(404, description="likewise for artist series")
    dropped_platforms: list[str] = Field(default_factory=list, description="platforms that series are refused for")
    key_pairs: dict[str, str] | None = Field(
        None, description="app id: API key. None accepts any pair; soundcharts/soundcharts is always accepted"
    )
    oauth_clients: dict[str, str] = Field(default_factory=lambda: {"demo-client": "demo-secret"})
    teams: list[str] = Field(default_factory=list, description="team ids; with two or more a token must name its team")
    token_seconds: int = Field(3_600, ge=1, description="life of an access token (real time)")

    @field_validator("oddities")
    @classmethod
    def _known_oddities(cls, wanted: float | list[str]) -> float | list[str]:
        unknown = sorted(set(wanted) - set(NATURAL)) if isinstance(wanted, list) else []
        if unknown:
            raise ValueError(f"unknown oddities {', '.join(unknown)}; known are {', '.join(NATURAL)}")
        return wanted

    @field_validator("odd_answers")
    @classmethod
    def _known_odd_answers(cls, wanted: Wanted) -> Wanted:
        if wrong := mistakes(wanted):
            raise ValueError(wrong)
        return wanted
