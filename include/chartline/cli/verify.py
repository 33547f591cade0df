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

    Differences that the ledger tells of (failed, deferred, absent, left) are differences too: they are counted as known
    and shown with its reason. Only what the simulator itself says is absent is none.
    """
    from simulator.compare import compare  # not part of an installation that has the real API only
    from simulator.odd_answers import OddAnswers
    from simulator.settings import Settings
    from simulator.world import World

    url = simulator or ApiAccount.from_environment().base_url
    world = World(**_asked(url, "world"))
    told = _asked(url, "settings")
    served = Settings.model_validate({name: told[name] for name in Settings.model_fields})
    world.odd = OddAnswers(world.seed, served.odd_answers)
    parts = compare(world, common.warehouse_url(), settings().audience_window_days, served)
    rows = [
        (p.name, f"{p.expected:,}", f"{p.found:,}", "equal" if p.equal else f"{p.differences:,}",
         "" if p.equal else f"{p.known.total():,}")
        for p in parts
    ]  # fmt: skip
    typer.echo(common.columns(("PART", "EXPECTED", "STORED", "DIFFERENCES", "KNOWN"), rows))
    for part in parts:
        for way, count in sorted(part.known.items()):
            typer.echo(f"{part.name}, known as {way}: {count:,}", err=True)
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
