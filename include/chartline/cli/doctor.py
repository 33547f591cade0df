"""`chartline doctor`: what keeps this installation from working, and what to do."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from chartline.cli import common
from chartline.operating import doctor
from chartline.operating.airflow import AirflowServer
from chartline.soundcharts.account import ApiAccount
from chartline.wording import counted

SIGNS = {doctor.OK: "ok     ", doctor.WARNING: "warning", doctor.PROBLEM: "PROBLEM"}


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command("doctor")(examine)


def examine(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Look at versions, connections, credentials (a free call), quota, schema, permissions, clocks and pools, and say
    what to do. Exits with 1 when there is a problem; warnings do not count."""
    lines = []
    for line in doctor.examine(common.warehouse_url, ApiAccount.from_environment, AirflowServer.from_environment()):
        lines.append(line)
        if not as_json:
            typer.echo(f"{SIGNS[line.state]}  {line.check}: {common.plain(line.what)}")
            if line.advice:
                typer.echo(f"         {common.plain(line.advice)}")
    if as_json:
        typer.echo(json.dumps([asdict(line) for line in lines], ensure_ascii=False, indent=2))
    problems = sum(line.state == doctor.PROBLEM for line in lines)
    if not as_json:
        typer.echo(f"{counted(problems, 'problem')}." if problems else "No problem.")
    if problems:
        raise typer.Exit(1)
