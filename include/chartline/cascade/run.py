"""What every step of a run needs: its execution, its ask, the warehouse and the API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from chartline.domain.asks import CascadeAsk
from chartline.settings import Settings
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse.connect import Connection
from chartline.warehouse.executions import Execution


def _real_time() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Run:
    """One running execution.

    `connect` opens a warehouse connection (in autocommit), `client` the API, which only steps that call it do.
    `now` is the time (aware) by which days are told, real but in tests; leases keep to the database's own clock.
    """

    execution: Execution
    connect: Callable[[], Connection]
    client: Callable[[], SoundchartsClient]
    settings: Settings
    now: Callable[[], datetime] = _real_time

    @property
    def ask(self) -> CascadeAsk:
        """What the run was asked for, as fixed when its execution was opened."""
        return CascadeAsk.model_validate(self.execution.settings)
