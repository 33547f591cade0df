"""`chartline schedules`: which charts are followed, and how."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from chartline.cli import common
from chartline.cli.estimate import table
from chartline.costs.model import Estimate
from chartline.domain.read_schedule import ReadSchedule
from chartline.domain.schedule import Schedule, ScheduleSettings
from chartline.errors import BadInput
from chartline.gaps.shown import HELD
from chartline.operating.reparse import ask_reparse
from chartline.schedules import declare, following, service
from chartline.settings import settings as settings_of_all
from chartline.warehouse import schedules

app = typer.Typer(help="Which charts are followed, and how.", no_args_is_help=True, rich_markup_mode=None)

Chart = Annotated[str, typer.Argument(help="the chart's slug, as chartline charts search shows it")]
By = Annotated[str, typer.Option(help="who asks; default: the user of this machine", show_default=False)]


def _options() -> dict[str, Any]:
    """A command-line option for every setting of a schedule; one that is not given has no value."""
    options: dict[str, Any] = {}
    for name, field in ScheduleSettings.model_fields.items():
        kind: Any = field.annotation
        many = "tuple" in str(kind)
        of = bool if kind is bool else int if "int" in str(kind) else str
        text = f"{field.description}{'; codes with commas between' if many else ''}"
        options[name] = Annotated[of | None, typer.Option(help=text, show_default=False)]
    return options


OPTIONS = _options()
LISTS = ("track_platforms", "artist_platforms")


def takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command an option for each setting, and hands it those that were given as `settings`."""

    @functools.wraps(command)
    def with_settings(**given: Any) -> None:
        told = {name: value for name in OPTIONS if (value := given.pop(name, None)) is not None}
        for name in LISTS:
            if name in told:
                told[name] = [code.strip() for code in told[name].split(",") if code.strip()]
        command(settings=told, **given)

    own = inspect.signature(command, eval_str=True)
    kept = [parameter for parameter in own.parameters.values() if parameter.name != "settings"]
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in OPTIONS.items()
    ]
    kept = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in kept]
    with_settings.__signature__ = own.replace(parameters=[*kept, *options])  # type: ignore[attr-defined]
    with_settings.__annotations__ = {parameter.name: parameter.annotation for parameter in [*kept, *options]}
    return with_settings


@app.command("add")
@takes_settings
def add(
    chart: Chart,
    settings: dict[str, Any],
    by: By = "",
    dry_run: Annotated[bool, typer.Option(help="only show what it would cost")] = False,
) -> None:
    """Follow a chart. Its frequency is the chart's own, unless said otherwise."""
    own, client, limit = settings_of_all(), common.soundcharts_if_configured(), common.per_minute()
    with common.warehouse() as conn:
        if dry_run:
            service.check(settings)
            proposed = service.proposed(service.find_chart(conn, chart, client), settings)
            told = following.price(conn, [proposed], own, client, limit)
            assert told is not None
            typer.echo(f"{table(told)}\nDry run: nothing was changed.")
            return
        schedule, told = following.follow(
            conn, chart, settings, own, created_by=by or common.me(), client=client, per_minute=limit
        )
    typer.echo(f"{schedule.slug} is followed: {_state(schedule)}. {ask_reparse()}")
    _tell_cost(told)


@app.command("change")
@takes_settings
def change(chart: Chart, settings: dict[str, Any]) -> None:
    """Change settings of a followed chart; settings that are not given stay as they are."""
    if not settings:
        raise BadInput("No setting was given.", advice="See which there are with: chartline schedules change --help")
    own, client, limit = settings_of_all(), common.soundcharts_if_configured(), common.per_minute()
    with common.warehouse() as conn:
        schedule, told = following.change(conn, chart, settings, own, by=common.me(), client=client, per_minute=limit)
    typer.echo(f"{schedule.slug} is changed: {_state(schedule)}. {ask_reparse()}")
    _tell_cost(told)


@app.command("remove")
def remove(chart: Chart) -> None:
    """Stop following a chart. What was stored of it stays."""
    with common.warehouse() as conn:
        service.remove(conn, chart, by=common.me())
    typer.echo(f"{chart} is no longer followed. What was stored of it stays. {ask_reparse()}")


@app.command("list")
def list_all(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """List all followed charts; one whose settings cannot be used is listed with the reason."""
    with common.warehouse() as conn:
        lines = [ReadSchedule.of(row) for row in schedules.rows(conn)]
    if as_json:
        typer.echo(json.dumps([_json(line) for line in lines], ensure_ascii=False, indent=2))
    elif not lines:
        typer.echo("No chart is followed. Follow one with: chartline schedules add SLUG")
    else:
        typer.echo(common.columns(("CHART", "NAME", "RUNS", "SETTINGS"), map(_row, lines)))


@app.command("apply")
def apply(
    file: Annotated[Path, typer.Argument(help="YAML, as chartline schedules export writes it")],
    dry_run: Annotated[bool, typer.Option(help="only show what would change")] = False,
    prune: Annotated[bool, typer.Option(help="stop following charts that the file does not name")] = False,
    by: By = "",
) -> None:
    """Make the followed charts what a file says: either all of it is done or nothing."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        reason = wrong.strerror if isinstance(wrong, OSError) else "is not UTF-8 text"
        raise BadInput(f"{file}: {reason}", field="file") from None
    declared = declare.read(text, file.name)
    with common.warehouse() as conn:
        differences, told = following.apply(
            conn,
            declared,
            settings_of_all(),
            client=common.soundcharts_if_configured(),
            per_minute=common.per_minute(),
            name=file.name,
            created_by=by or common.me(),
            prune=prune,
            dry_run=dry_run,
        )
    for difference in differences:
        typer.echo(str(difference))
    if not differences:
        typer.echo("Nothing to change.")
    elif dry_run:
        typer.echo("Dry run: nothing was changed.")
    else:
        typer.echo(ask_reparse())
    _tell_cost(told, dry_run=dry_run)


@app.command("export")
def export(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="a file; default: the terminal")] = None,
) -> None:
    """Write the followed charts as a file for chartline schedules apply."""
    with common.warehouse() as conn:
        text = declare.export(conn)
    if output is None:
        typer.echo(text, nl=False)
    else:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as wrong:
            raise BadInput(
                f"{output}: {wrong.strerror}", field="output", advice="Name a file in a folder that exists."
            ) from None


def _tell_cost(told: Estimate | None, *, dry_run: bool = False) -> None:
    """Show what the history that was asked for costs and, where it is held, how to approve it."""
    if told is None:
        return
    typer.echo(table(told))
    if told.needs_approval(settings_of_all()) and not dry_run:
        typer.echo(f"New days are fetched; {HELD}.")


def _state(schedule: Schedule) -> str:
    state = schedule.grid.text() if schedule.is_active else f"{schedule.grid.text()}, not active"
    return f"{state}; DAG {schedule.dag_id}"


def _row(line: ReadSchedule) -> tuple[str, ...]:
    schedule = line.schedule
    if schedule is None:
        name = line.row.get("name", "") if line.row else ""
        return line.slug, name, "no", f"cannot be used: {line.error}"
    fetched = [
        f"tracks {','.join(schedule.track_platforms)}" if schedule.fetch_track_audience else "",
        f"artists {','.join(schedule.artist_platforms)}" if schedule.fetch_artist_audience else "",
    ]
    runs = schedule.grid.text() if schedule.is_active else "not active"
    return schedule.slug, schedule.name, runs, "; ".join(filter(None, fetched)) or "no audience"


def _json(line: ReadSchedule) -> dict[str, Any]:
    if line.schedule is None:
        return {"slug": line.slug, "error": line.error}
    return line.schedule.model_dump(mode="json") | {"dag_id": line.dag_id}
