"""`chartline drift`: how the API's answers differ from what they were and from what was agreed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, get_args

import typer

from chartline.cli import common
from chartline.errors import BadInput
from chartline.warehouse import drift
from chartline.warehouse.drift import Kind


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("drift")(show)


def show(
    endpoint: Annotated[str, typer.Option(help="only this one, such as ranking_latest")] = "",
    kind: Annotated[list[str] | None, typer.Option(help=f"only this one of {', '.join(get_args(Kind))}")] = None,
    days: Annotated[int, typer.Option(min=1, max=10_000, help="only what was seen within so many days")] = 90,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
) -> None:
    """Fields of the API's answers that appeared, vanished, changed type or could not be read."""
    known = dict(zip(get_args(Kind), get_args(Kind), strict=True))
    if unknown := [one for one in kind or () if one not in known]:
        raise BadInput(f"kind: unknown: {', '.join(unknown)}.", field="kind", advice=f"Known are {', '.join(known)}.")
    kinds: list[Kind] = [known[one] for one in kind or ()]
    with common.warehouse() as conn:
        since = datetime.now(UTC) - timedelta(days=days)
        differences, total = drift.listed(conn, endpoint=endpoint, kind=kinds, since=since, limit=limit)
    if not differences:
        typer.echo("No differences: the answers are as agreed, and as they were before.")
        return
    rows = [
        (one.endpoint, one.path, one.kind, one.found, "" if one.seen is None else one.seen,
         f"{one.first_seen_at:%Y-%m-%d %H:%M}", f"{one.last_seen_at:%Y-%m-%d %H:%M}")
        for one in differences
    ]  # fmt: skip
    typer.echo(common.columns(("ENDPOINT", "FIELD", "WHAT", "FOUND", "SEEN", "FIRST (UTC)", "LAST (UTC)"), rows))
    if total > len(differences):
        typer.echo(f"The first {len(differences)} of {total}; --limit shows more.", err=True)
