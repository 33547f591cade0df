"""The command line: one file a group of commands. Every named failure is a message and an exit code, never a traceback:
2 for input that is refused, 1 for everything else."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import psycopg
import typer

from chartline.cli import (
    catalogue,
    check,
    docs,
    doctor,
    drift,
    estimate,
    gaps,
    programs,
    replay,
    schedules,
    system,
    verify,
)
from chartline.errors import BadInput, ChartlineError
from chartline.proxies import exempt_this_machine

app = typer.Typer(
    name="chartline",
    help="Keeps a PostgreSQL warehouse of music charts complete.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
system.add_to(app)
docs.add_to(app)
verify.add_to(app)
estimate.add_to(app)
gaps.add_to(app)
doctor.add_to(app)
programs.add_to(app)
drift.add_to(app)
replay.add_to(app)
check.add_to(app)
app.add_typer(schedules.app, name="schedules")
app.add_typer(catalogue.charts_app, name="charts")
app.add_typer(catalogue.catalogue_app, name="catalogue")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; `arguments` without the program's name, default those of the process. Returns the exit code."""
    exempt_this_machine()
    try:
        app(args=None if arguments is None else list(arguments), prog_name="chartline")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except ChartlineError as error:
        print(f"{error.what}\n{error.advice}".strip(), file=sys.stderr)
        return 2 if isinstance(error, BadInput) else 1
    except psycopg.Error as error:
        reason = error.diag.message_primary or str(error).partition("\n")[0]
        print(f"The warehouse refused: {reason}", file=sys.stderr)
        return 1
    except OSError as trouble:  # a folder that is not there, a full disk, no right to write
        place = f"{trouble.filename}: " if trouble.filename else ""
        print(f"{place}{trouble.strerror or trouble}", file=sys.stderr)
        return 1
    return 0
