"""`chartline docs`: the pages of the documentation that are generated, and whether they are up to date."""

from __future__ import annotations

import ast
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from chartline import places
from chartline.cascade import resources as registry
from chartline.cascade.resources import Metadata, Paged, Series
from chartline.domain import platforms
from chartline.domain.schedule import ScheduleSettings
from chartline.errors import NotConfigured
from chartline.settings import Settings

MIGRATIONS = places.REPOSITORY / "include/chartline/warehouse/migrations/versions"

Generator = Callable[[], tuple[str, str]]
"""Gives the page's path, from the repository's root, and its text."""


def schedule_settings() -> tuple[str, str]:
    """Every setting of a schedule, from the model."""
    rows = []
    for name, field in ScheduleSettings.model_fields.items():
        value = "" if field.is_required() or field.default is None else field.default
        told = ", ".join(value) if isinstance(value, tuple) else str(value).lower()
        rows.append((f"`{name}`", told, str(field.description)))
    lists = [
        "",
        f"Platforms of tracks: {', '.join(platforms.TRACK_PLATFORMS)}.",
        "",
        f"Platforms of artists: {', '.join(platforms.ARTIST_PLATFORMS)}.",
    ]
    table = _table(("setting", "default", "meaning"), rows)
    return "docs/reference/schedule-settings.md", _page("Settings of a schedule", *table, *lists)


def settings() -> tuple[str, str]:
    """Every setting of an installation, from the model."""
    rows = [
        (f"`CHARTLINE_{name.upper()}`", str(field.default).lower(), str(field.description))
        for name, field in Settings.model_fields.items()
    ]
    table = _table(("variable", "default", "meaning"), rows)
    return "docs/reference/settings.md", _page("Settings of an installation", *table)


def commands() -> tuple[str, str]:
    """Every command of the command line, from its own help."""
    from chartline.cli import app  # which is made with this file

    table = _table(("`bin/chartline` …", "what it does"), _commands(typer.main.get_command(app), ""))
    return "docs/reference/commands.md", _page("Commands", *table)


def _commands(group: Any, path: str) -> Iterator[tuple[str, str]]:
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path}{name} ")
        else:
            yield f"`{path}{name}`", command.get_short_help_str(limit=200)


def modules() -> tuple[str, str]:
    """Every module, from what it says of itself."""
    lines = []
    for root in ("include", "plugins", "dags"):
        for folder in sorted({path.parent for path in (places.REPOSITORY / root).rglob("*.py")} - {MIGRATIONS}):
            said = [(path, _first_sentence(path)) for path in sorted(folder.glob("*.py"))]
            rows = [(f"`{path.name}`", sentence) for path, sentence in said if sentence]
            lines += ["", f"## {folder.relative_to(places.REPOSITORY)}", "", *_table(("file", "what it is"), rows)]
    return "docs/reference/modules.md", _page("Modules", *lines[1:])


def _first_sentence(path: Path) -> str:
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(said.split("\n\n")[0].split()).partition(". ")[0].rstrip(".").replace("|", "\\|")


def resources() -> tuple[str, str]:
    """Everything that is fetched, from the registry."""
    titles = ("resource", "step", "calls", "a call brings", "platforms", "turned on by", "stays fresh", "stored in")
    source = "From the registry, `include/chartline/cascade/resources.py`. Numbers are the defaults."
    table = _table(titles, map(_row, registry.entries()))
    return "docs/reference/resources.md", _page("What is fetched", source, "", *table)


def _row(entry: Paged | Metadata | Series) -> list[str]:
    match entry:
        case Metadata():
            brings, served = f"{entry.per_call} {entry.subject}s", ""
        case Series():
            window = Settings.model_fields["audience_window_days"].default
            brings = f"1 {entry.subject}, {window} days{', in pages' if entry.pages > 1 else ''}"
            served = ", ".join(entry.platforms)
        case _:
            brings, served = "a page", ""
    fresh = ""
    if entry.fresh:
        days = Settings.model_fields[entry.fresh].default
        fresh = f"`CHARTLINE_{entry.fresh.upper()}` ({days})"
    return [
        f"`{entry.name}`",
        entry.step,
        ", ".join(f"`{endpoint.path}`" for endpoint in entry.endpoints),
        brings,
        served,
        f"`CHARTLINE_{entry.setting.upper()}`" if entry.setting else "",
        fresh,
        ", ".join(f"`{table}`" for table in entry.weight.tables) if entry.weight else "",
    ]


def dags() -> tuple[str, str]:
    """Every kind of DAG, from the DAGs."""
    from chartline_airflow.dagbuild import reference  # Airflow, for this page only

    return "docs/reference/dags.md", reference.text()


def warehouse_schema() -> tuple[str, str]:
    """Tables, views and diagram, from a database made for it."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from chartline.local.postgres import LocalPostgres
    from chartline.warehouse import connect, docs, schema

    with TemporaryDirectory(prefix="chartline-docs-") as folder, LocalPostgres(Path(folder), durable=False) as server:
        url = server.url("postgres")
        schema.migrate(url)
        with connect.connect(url) as conn:
            return "docs/schema.md", docs.render(conn)


def openapi() -> tuple[str, str]:
    """The REST API, from its routes."""
    described = json.dumps(_described(), indent=1, ensure_ascii=False, sort_keys=True)
    return "docs/reference/openapi.json", described + "\n"


def routes() -> tuple[str, str]:
    """Every route of the REST API, shortly."""
    rows = [
        (method.upper(), f"`{path}`", operation["summary"])
        for path, operations in sorted(_described()["paths"].items())
        for method, operation in operations.items()
    ]
    table = _table(("", "below `/chartline`", "what it does"), rows)
    return "docs/reference/rest.md", _page("Routes", "In full: [openapi.json](openapi.json).", "", *table)


@cache
def _described() -> dict[str, Any]:
    from chartline_airflow.web.app import create_app  # Airflow, as for the DAGs

    return create_app().openapi()


def _page(title: str, *lines: str) -> str:
    return "\n".join([f"# {title}", "", "Generated by `chartline docs`.", "", *lines]) + "\n"


def _table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    titles = list(titles)
    return [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|", *(f"| {' | '.join(row)} |" for row in rows)]


GENERATORS: dict[str, Generator] = {
    "schedule-settings": schedule_settings,
    "settings": settings,
    "commands": commands,
    "modules": modules,
    "resources": resources,
    "dags": dags,
    "schema": warehouse_schema,
    "openapi": openapi,
    "routes": routes,
}


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command("docs")(docs)


def docs(
    check: Annotated[bool, typer.Option("--check", help="write nothing; fail if a page is not up to date")] = False,
) -> None:
    """Write the generated pages of the documentation."""
    if places.INSTALLED:
        raise NotConfigured("The documentation is written in a checkout of the repository.", advice="Call it there.")
    stale = []
    for generate in GENERATORS.values():
        name, text = generate()
        page = places.REPOSITORY / name
        if page.is_file() and page.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding="utf-8")
    if check and stale:
        typer.echo(f"Not up to date: {', '.join(stale)}. Write them with: chartline docs", err=True)
        raise typer.Exit(1)
    typer.echo(f"Written: {', '.join(stale)}." if stale else "All generated pages are up to date.")
