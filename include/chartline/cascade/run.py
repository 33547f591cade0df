"""What every step of a run needs: its execution, its ask, the warehouse and the API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from chartline.cascade.ask import CascadeAsk
from chartline.settings import Settings
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse.executions import Execution


@dataclass(frozen=True)
class Run:
    """One execution at work.

    `connect` opens a warehouse connection (in autocommit), `client` the API, which only steps that call it do.
    """

    execution: Execution
    connect: Callable[[], psycopg.Connection[Any]]
    client: Callable[[], SoundchartsClient]
    settings: Settings

    @property
    def ask(self) -> CascadeAsk:
        """What the run was asked for, as fixed when its execution was opened."""
        return CascadeAsk.model_validate(self.execution.settings)
