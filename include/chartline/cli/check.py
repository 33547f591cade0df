"""`chartline check`: whether what is stored looks right."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from chartline.checks import looking
from chartline.checks.registry import BY_NAME
from chartline.cli import common
from chartline.errors import BadInput
from chartline.warehouse import changes, checks
from chartline.wording import counted


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command("check")(check)


def check(
    chart: Annotated[list[str] | None, typer.Option(help="slug; only its rankings; may be given several times")] = None,
    anew: Annotated[bool, typer.Option("--all", help="look at all that is stored, not only at what is new")] = False,
    accept: Annotated[int | None, typer.Option(help="say that this finding is right as it is, by its number")] = None,
    solved: Annotated[bool, typer.Option("--solved", help="show those that are solved too")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
) -> None:
    """Check what is stored, and show what looks wrong; fails while an error is open. Makes no call."""
    slugs = tuple(chart or ())
    with common.warehouse() as conn:
        if accept is not None:
            with conn.transaction():
                finding = checks.accept(conn, accept, common.me())
                if finding is None:
                    raise BadInput(f"accept: there is no open finding {accept}.", field="accept")
                changes.add(conn, common.me(), "finding.accept", finding.subject, None, {"check": finding.kind})
            typer.echo(f"Accepted: {common.plain(finding.what)}")
            return
        done = looking.look(conn, seconds=math.inf, slugs=slugs, anew=anew)
        findings, total = checks.listed(
            conn, state="" if solved else "open", chart=slugs[0] if len(slugs) == 1 else "", limit=limit
        )
    typer.echo(
        f"{counted(done.rankings, 'ranking')} and {counted(done.series, 'series', 'series')} looked at in "
        f"{done.seconds:.1f} s: {done.opened:,} found, {done.solved:,} solved."
    )
    if not findings:
        typer.echo("Nothing looks wrong.")
        return
    rows = [
        (one.id, one.severity, one.kind, f"{one.first_seen_at:%Y-%m-%d %H:%M}", "solved" if one.solved_at else "open",
         one.what)
        for one in findings
    ]  # fmt: skip
    typer.echo(common.columns(("NUMBER", "SEVERITY", "CHECK", "SINCE (UTC)", "STATE", "WHAT"), rows))
    for name in sorted({one.kind for one in findings if not one.solved_at}):
        typer.echo(f"\n{name}: {BY_NAME[name].meaning}\n  {BY_NAME[name].advice}")
    if total > len(findings):
        typer.echo(f"The first {len(findings)} of {total}; --limit shows more.", err=True)
    if any(one.severity == "error" and not one.solved_at for one in findings):
        raise typer.Exit(1)
