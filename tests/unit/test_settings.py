"""Settings come from the environment, and a wrong one is refused by its variable's name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chartline.errors import BadInput
from chartline.settings import Settings, settings


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"CHARTLINE_{name.upper()}", raising=False)
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_defaults() -> None:
    promised = {
        "freshness_metadata_days": 30,
        "freshness_audience_days": 7,
        "freshness_absent_days": 7,
        "audience_window_days": 90,
        "raw_days": 30,
        "lease_minutes": 15,
        "calls_per_minute": 5000,
        "connections": 12,
        "pool_rankings": 2,
        "pool_fetch": 4,
        "connect_timeout": 5.0,
        "read_timeout": 30.0,
        "call_retries": 4,
    }
    assert promised.items() <= settings().model_dump().items()


def test_every_default_keeps_its_own_bounds() -> None:
    assert Settings.model_validate(settings().model_dump()) == settings()


def test_they_are_read_once_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTLINE_RAW_DAYS", "3")
    monkeypatch.setenv("CHARTLINE_HOME", "/somewhere")
    monkeypatch.setenv("CHARTLINE_CONNECTIONS", "")
    assert (settings().raw_days, settings().connections) == (3, 12)
    monkeypatch.setenv("CHARTLINE_RAW_DAYS", "4")
    assert settings().raw_days == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [("RAW_DAYS", "many"), ("RAW_DAYS", "0"), ("AUDIENCE_WINDOW_DAYS", "91"), ("READ_TIMEOUT", "0"),
     ("READ_TIMEOUT", "inf"), ("CONNECT_TIMEOUT", "nan"), ("CALL_RETRIES", "-1"), ("CALLS_PER_MINUTE", "1.5")],
)  # fmt: skip
def test_a_wrong_one_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"CHARTLINE_{name}", value)
    with pytest.raises(BadInput, match=f"CHARTLINE_{name}") as refused:
        settings()
    assert refused.value.field == f"CHARTLINE_{name}"


def test_they_cannot_be_changed_in_passing() -> None:
    held: Any = settings()
    with pytest.raises(ValueError, match="frozen"):
        held.raw_days = 1


@pytest.mark.parametrize("hosts", ["http://gateway.example", "gateway.example/path", "a@b", "gateway example", "x,?"])
def test_hosts_that_credentials_could_leak_to_are_refused(monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
    monkeypatch.setenv("CHARTLINE_API_HOSTS", hosts)
    with pytest.raises(BadInput, match="CHARTLINE_API_HOSTS"):
        settings()
