"""`chartline verify`: the warehouse against the truth of the simulator that it was filled from."""

from __future__ import annotations

from typing import Annotated

import requests
import typer

from chartline.cli import common
from chartline.errors import NetworkTrouble
from chartline.soundcharts.account import ApiAccount


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command("verify")(verify)


def verify(
    simulator: Annotated[str, typer.Option(help="the simulator's address; default that of the connection")] = "",
) -> None:
    """Compare every entry, track, artist, link and audience point with the simulator's truth; fails when one differs.

    Items that are recorded as failed are left out.
    """
    from simulator.compare import compare  # not part of an installation that has the real API only
    from simulator.world import World

    url = simulator or ApiAccount.from_environment().base_url
    parts = compare(World(**_world(url)), common.warehouse_url())
    rows = [(p.name, f"{p.expected:,}", f"{p.found:,}", "equal" if p.equal else f"{p.differences:,}") for p in parts]
    typer.echo(common.columns(("PART", "IN TRUTH", "STORED", "DIFFERENCES"), rows))
    for part in parts:
        for what in ("missing", "unexpected", "different"):
            for line in getattr(part, what):
                typer.echo(f"{part.name}, {what}: {common.plain(line)}", err=True)
    if not all(part.equal for part in parts):
        raise typer.Exit(1)


def _world(url: str) -> dict[str, object]:
    try:
        answer = requests.get(f"{url}/_control/world", timeout=10)
        answer.raise_for_status()
        world: dict[str, object] = answer.json()
    except (requests.RequestException, ValueError):
        raise NetworkTrouble(
            f"There is no simulator at {url}.",
            advice="The truth is known for made-up data only: start it with bin/up or chartline simulate.",
        ) from None
    return world
