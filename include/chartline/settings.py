"""The one place for numbers: each is a `CHARTLINE_*` environment variable with a default that works."""

from __future__ import annotations

import re
from functools import cache

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chartline.domain import addresses, ranges
from chartline.errors import BadInput


class Settings(BaseSettings):
    """What may be tuned. Days and minutes are whole numbers, timeouts are seconds."""

    model_config = SettingsConfigDict(env_prefix="CHARTLINE_", frozen=True, extra="ignore", env_ignore_empty=True)

    freshness_metadata_days: int = Field(30, ge=1, description="how long track and artist metadata stay fresh")
    freshness_audience_days: int = Field(7, ge=1, description="how long an audience series stays fresh")
    freshness_absent_days: int = Field(7, ge=1, description="how long a 404 is remembered")
    audience_window_days: int = Field(90, ge=1, le=90, description="days of a series asked in one call")
    audience_overlap_days: int = Field(3, ge=0, le=30, description="days asked again for late values, in the same call")
    artist_cities: bool = Field(False, description="fetch followers and listeners by city too")
    batch_calls_min: int = Field(20, ge=1, description="calls below which a batch is not cut further")
    batch_calls_max: int = Field(1000, ge=1, description="calls of one mapped task at the most")
    failure_share: float = Field(0.1, ge=0, le=1, description="failed items per call above which a run is red")
    history_window: int = Field(31, ge=1, le=366, description="periods of the history that one run takes")
    approval_share: float = Field(0.2, gt=0, description="share of the quota left above which work asks a person first")
    heal_days: int = Field(100, ge=1, description="days that one gap audit heals, over all charts")
    overdue_hours: int = Field(
        2, ge=0, description="after its run time, until a schedule without its ranking is overdue"
    )
    refresh_calls_viewer: int = Field(
        0, ge=0, description="calls a day (UTC) that a person who may only look spends on refreshes; 0: none may"
    )
    refresh_calls_editor: int = Field(
        1000, ge=0, description="calls a day (UTC) that a person who may edit spends on refreshes from the pages"
    )
    refresh_minutes: int = Field(
        60, ge=1, description="until a series may be refreshed again whose refresh began and never ended"
    )
    refresh_at_once: int = Field(100, ge=1, description="refreshes that may be running or waiting")
    late_hours: int = Field(24, ge=0, le=240, description="how long a run waits for a ranking that is late")
    calendar_hours: int = Field(1, ge=0, le=240, description="how long a calendar is good for its newest 3 days")
    raw_days: int = Field(30, ge=1, description="how long raw answers are kept")
    lease_minutes: int = Field(15, ge=1, description="after which a lease that nobody renewed is free again")
    calls_per_minute: int = Field(
        5000, ge=1, le=1_000_000, description="of the account, whatever the number of processes"
    )
    connections: int = Field(
        12, ge=ranges.CONNECTIONS.low, le=ranges.CONNECTIONS.high, description="kept open side by side in one task"
    )
    api_hosts: str = Field(
        "", description="hosts beside Soundcharts' own and this machine that credentials may go to, commas between"
    )
    paused_at_first: str = Field(
        "",
        description="DAGs, by their former ids, without `chartline.`, that are paused when Airflow first reads them "
        "under the new ids; commas between",
    )
    pool_rankings: int = Field(2, ge=1, description="slots of the Airflow pool chartline_rankings")
    pool_fetch: int = Field(4, ge=1, description="slots of the Airflow pool chartline_fetch")
    connect_timeout: float = Field(
        5.0,
        gt=ranges.CONNECT_SECONDS.low,
        le=ranges.CONNECT_SECONDS.high,
        description="seconds until a connection to the API is given up",
    )
    read_timeout: float = Field(
        30.0,
        gt=ranges.READ_SECONDS.low,
        le=ranges.READ_SECONDS.high,
        description="seconds until an answer of the API is given up of which nothing comes",
    )
    call_retries: int = Field(4, ge=0, le=20, description="attempts after the first one")
    alert_webhooks: str = Field("", description="Airflow connections that alerts are sent to, with commas between")
    alert_notifiers: str = Field(
        "", repr=False, description="Airflow notifiers for alerts, a JSON list of class and kwargs"
    )
    approvers: str = Field(
        "", description="users of Airflow who may approve large work, with commas between; empty: all who may run it"
    )
    alert_slow_factor: float = Field(3.0, gt=1, description="times its usual length after which a run is slow")
    alert_slow_minutes: int = Field(5, ge=0, description="beyond its usual length that a slow run takes at least")

    heartbeat_url: str = Field(
        "", repr=False, description="address that is asked every five minutes while all is well; its path is secret"
    )
    alive_token: str = Field(
        "", repr=False, description="with which an uptime service may ask whether Chartline is alive; empty: none may"
    )
    alive_minutes: int = Field(15, ge=6, description="after the last look at everything, until that is stale")

    @field_validator("heartbeat_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
            raise ValueError("it is no address such as https://host/path")
        return value

    @field_validator("alive_token")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        if value and not re.fullmatch(r"[\x21-\x7e]{16,200}", value):
            raise ValueError("it must have 16 to 200 letters, digits or signs")
        return value

    @field_validator("api_hosts")
    @classmethod
    def _addresses_that_credentials_may_go_to(cls, value: str) -> str:
        addresses.hosts(value)
        return value


@cache
def settings() -> Settings:
    """The settings of this process, read once. Raises `BadInput` that names the variable and the reason."""
    try:
        return Settings()
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        variable = f"CHARTLINE_{'.'.join(str(part) for part in first['loc'])}".upper()
        raise BadInput(
            f"The environment variable {variable} is refused: {first['msg']}.",
            field=variable,
            advice="Correct it or unset it to use the default.",
        ) from None
