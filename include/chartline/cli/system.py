"""`chartline migrate`, `simulate` and `snapshot`: the installation itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from chartline.cli import common
from chartline.schedules import snapshot
from chartline.warehouse import schedules, schema
from chartline.wording import counted

snapshot_app = typer.Typer(
    help="The schedules on disk, from which DAGs are made.", no_args_is_help=True, rich_markup_mode=None
)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.command("migrate")(migrate)
    app.command(
        "simulate", add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
    )(simulate)
    app.add_typer(snapshot_app, name="snapshot")


def migrate() -> None:
    """Bring the warehouse's schema up to date."""
    before, after = schema.migrate(common.warehouse_url())
    if before == after:
        typer.echo(f"The warehouse is up to date ({after}).")
    else:
        typer.echo(f"The warehouse is migrated from {before or 'nothing'} to {after}.")


def simulate(context: typer.Context) -> None:
    """Serve a made-up Soundcharts API on this machine: chartline simulate --help."""
    from simulator.__main__ import main  # not part of an installation that has the real API only

    raise typer.Exit(main(context.args))


@snapshot_app.command("write")
def write() -> None:
    """Write the snapshot from the warehouse now."""
    path = snapshot.default_path()
    changed = snapshot.write(path, *schedules.snapshot_rows(common.warehouse_url()))
    typer.echo(f"{path} {'is written' if changed else 'was up to date'}.")


@snapshot_app.command("show")
def show(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Show the snapshot as the DAGs see it, without asking the warehouse."""
    path = snapshot.default_path()
    lines = snapshot.load(path)
    if as_json:
        told = [{"dag_id": line.dag_id, "error": line.error or None} for line in lines]
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    if not path.exists():
        typer.echo(f"There is no snapshot yet at {path}.")
        return
    at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    typer.echo(f"{path}: {counted(len(lines), 'schedule')}, as of {at:%Y-%m-%d %H:%M:%S} UTC")
    if lines:
        typer.echo(common.columns(("DAG", "STATE"), [(line.dag_id, line.error or "good") for line in lines]))
