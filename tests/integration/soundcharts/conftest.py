"""A simulator behind a real HTTP server of this process, at a fixed time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import uvicorn

from chartline.settings import Settings as OurSettings
from chartline.soundcharts.account import ApiAccount
from chartline.soundcharts.client import SoundchartsClient
from chartline.soundcharts.limiter import NoLimiter
from simulator.app import create_app
from simulator.clock import Clock
from simulator.service import Service
from simulator.settings import Settings
from simulator.world import World

NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)
CHART = "demo-global-daily"


@dataclass(frozen=True)
class Simulator:
    """Its address, and its inside for tests to look at and to change."""

    url: str
    service: Service

    def configure(self, **changes: Any) -> None:
        """Change its settings."""
        known = self.service.settings.model_dump()
        self.service.configure(Settings.model_validate(known | changes), changed=frozenset(changes))

    @property
    def world(self) -> World:
        """The truth."""
        return self.service.world

    def tracks(self) -> tuple[str, ...]:
        """Tracks of the demo chart's newest ranking, in its order."""
        return self.world.tracks_of(CHART, self._day())

    def artists(self) -> tuple[str, ...]:
        """Artists of the same."""
        return self.world.artists_of(CHART, self._day())

    def _day(self) -> Any:
        day = self.world.latest_day(CHART, NOW)
        assert day is not None
        return day


@pytest.fixture(scope="session")
def world() -> World:
    """The default world; it holds no state but caches."""
    return World()


@pytest.fixture
def simulator(world: World) -> Iterator[Simulator]:
    """A simulator of this test's own, without odd shapes unless it asks for them."""
    clock = Clock()
    clock.set(NOW, frozen=True)
    service = Service(world, Settings(oddities=0, oauth_clients={"some-client": "some-secret"}), clock)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(service), log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield Simulator(f"http://127.0.0.1:{listening.getsockname()[1]}", service)
    server.should_exit = True
    thread.join(10)
    listening.close()


@pytest.fixture
def client_of(simulator: Simulator) -> Iterator[Callable[..., SoundchartsClient]]:
    """Clients of the simulator that never sleep, closed at the end."""
    made: list[SoundchartsClient] = []

    def make(limiter: Any = None, **account: Any) -> SoundchartsClient:
        who = {"base_url": simulator.url, "login": "some-app", "password": "some-key"} | account
        limiter = limiter or NoLimiter(sleep=lambda seconds: None)
        settings = OurSettings(call_retries=3, read_timeout=10)
        made.append(
            SoundchartsClient(ApiAccount(**who), limiter=limiter, settings=settings, sleep=lambda seconds: None)
        )
        return made[-1]

    yield make
    for client in made:
        client.close()
