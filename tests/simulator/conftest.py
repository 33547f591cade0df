"""A simulator in this process: its service, and callers with and without credentials."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from simulator.app import create_app
from simulator.clock import Clock
from simulator.service import Service
from simulator.settings import CONTROL_HEADER, Settings
from simulator.world import World

NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)
KEYS = {"x-app-id": "some-app", "x-api-key": "some-key"}
STEERING = {CONTROL_HEADER: "some-token"}


@pytest.fixture(scope="session")
def world() -> World:
    """The default world (it holds no state but caches)."""
    return World()


@pytest.fixture
def now() -> datetime:
    """The frozen time of the simulator under test."""
    return NOW


@pytest.fixture
def service(world: World) -> Service:
    """A simulator at a frozen time, without odd shapes."""
    clock = Clock()
    clock.set(NOW, frozen=True)
    return Service(world, Settings(oddities=0), clock, control_token=STEERING[CONTROL_HEADER])


@pytest.fixture
def api(service: Service) -> Iterator[TestClient]:
    """A caller with a legacy key pair and the token of the control paths, on this machine."""
    with TestClient(create_app(service), headers=KEYS | STEERING, client=("127.0.0.1", 50000)) as client:
        yield client


@pytest.fixture
def anonymous(service: Service) -> Iterator[TestClient]:
    """A caller without credentials, from another machine."""
    with TestClient(create_app(service), client=("192.0.2.7", 50000)) as client:
        yield client


@pytest.fixture
def neighbour(service: Service) -> Iterator[TestClient]:
    """A caller with a legacy key pair only, on this machine."""
    with TestClient(create_app(service), headers=KEYS, client=("127.0.0.1", 50000)) as client:
        yield client


@pytest.fixture
def configure(service: Service) -> Any:
    """Change settings of the simulator under test."""

    def change(**settings: Any) -> None:
        service.configure(
            Settings.model_validate(service.settings.model_dump() | settings), changed=frozenset(settings)
        )

    return change


@pytest.fixture
def tracks(world: World) -> tuple[str, ...]:
    """Tracks of a demo chart's newest ranking."""
    day = world.latest_day("demo-global-daily", NOW)
    assert day is not None
    return world.tracks_of("demo-global-daily", day)


@pytest.fixture
def artists(world: World) -> tuple[str, ...]:
    """Artists of the same."""
    day = world.latest_day("demo-global-daily", NOW)
    assert day is not None
    return world.artists_of("demo-global-daily", day)
