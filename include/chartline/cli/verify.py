"""`chartline verify`: compares the warehouse with the simulator that it was filled from."""

from __future__ import annotations

import os
from typing import Annotated, Any

import requests
import typer

from chartline.cli import common
from chartline.errors import NetworkTrouble, NotConfigured
from chartline.sessions import Session
from chartline.settings import settings
from chartline.soundcharts.account import ApiAccount


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command("verify")(verify)


def verify(
    simulator: Annotated[str, typer.Option(help="the simulator's address; default that of the connection")] = "",
) -> None:
    """Compare every entry, track, artist, link and audience point with what the simulator serves; fails when one
    differs.

    Items that are recorded as failed are left out.
    """
    from simulator.compare import compare  # not part of an installation that has the real API only
    from simulator.odd_answers import OddAnswers
    from simulator.world import World

    url = simulator or ApiAccount.from_environment().base_url
    world = World(**_asked(url, "world"))
    world.odd = OddAnswers(world.seed, _asked(url, "settings")["odd_answers"])
    parts = compare(world, common.warehouse_url(), settings().audience_window_days)
    rows = [(p.name, f"{p.expected:,}", f"{p.found:,}", "equal" if p.equal else f"{p.differences:,}") for p in parts]
    typer.echo(common.columns(("PART", "EXPECTED", "STORED", "DIFFERENCES"), rows))
    for part in parts:
        for what in ("missing", "unexpected", "different"):
            for line in getattr(part, what):
                typer.echo(f"{part.name}, {what}: {common.plain(line)}", err=True)
    if not all(part.equal for part in parts):
        raise typer.Exit(1)


def _asked(url: str, what: str) -> dict[str, Any]:
    """What the simulator answers about itself."""
    from simulator.settings import CONTROL_HEADER, TOKEN_VARIABLE

    try:
        headers = {CONTROL_HEADER: os.environ.get(TOKEN_VARIABLE, "")}
        with Session() as http:
            answer = http.get(f"{url}/_control/{what}", headers=headers, timeout=10)
        if answer.status_code == 401:
            raise NotConfigured(
                f"The simulator at {url} answers this only with its token.",
                advice=f"Set {TOKEN_VARIABLE} to what the simulator was started with; bin/chartline does for bin/up's.",
            )
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
    except (requests.RequestException, ValueError):
        raise NetworkTrouble(
            f"There is no simulator at {url}.",
            advice="Only made-up data can be verified: start the simulator with bin/up or chartline simulate.",
        ) from None
    return told
