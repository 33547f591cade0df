"""The manual against the code: what it names is there, what is there it names, what it says to type can be typed, and
no command shows a secret."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from chartline.cli import app
from chartline.local.up import HELP
from chartline.places import REPOSITORY
from chartline.settings import Settings

ALL = [*sorted(REPOSITORY.glob("*.md")), *sorted((REPOSITORY / "docs").glob("**/*.md"))]
Wrong = typer.BadParameter.__bases__[0]  # what Typer raises for any command line it refuses
PAGES = [page for page in ALL if "adr" not in page.parts and page.name != "CHANGELOG.md"]  # records of their time
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = ("sh", "bash", "")
PROGRAMS = ("bin/chartline", "bin/airflow", "python -m chartline.cli", "docker compose exec")

ids = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))


def blocks(page: Path, *languages: str) -> Iterator[str]:
    for language, text in BLOCK.findall(page.read_text()):
        if language in languages:
            yield text


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each command line in the page's blocks, those that lie on several lines as one."""
    for block in blocks(page, *SHELL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.strip().startswith(PROGRAMS):
                yield shlex.split(line, comments=True)
            for inner in re.findall(r"\$\((bin/[^)]*)\)", line):
                yield shlex.split(inner)


# -- settings ------------------------------------------------------------------------------------------------

VARIABLE = re.compile(r"\bCHARTLINE_[A-Z_]+\b")
DEFAULT = re.compile(r"`(CHARTLINE_[A-Z_]+)`\s\(([\d.,]+)(\s?%)?[^)]*\)")


def known_variables() -> set[str]:
    """The settings, and what else docs/architecture.md says that a process reads, bin/up's help, or Docker's .env."""
    architecture = (REPOSITORY / "docs" / "architecture.md").read_text()
    table = architecture.partition("## Process environment")[2].partition("\n## ")[0]
    elsewhere = [table, HELP, (REPOSITORY / ".env.example").read_text()]
    of_settings = {f"CHARTLINE_{name}".upper() for name in Settings.model_fields}
    return of_settings | {name for text in elsewhere for name in VARIABLE.findall(text)}


@ids
def test_every_variable_it_names_is_one(page: Path) -> None:
    assert set(VARIABLE.findall(page.read_text())) - known_variables() - {"CHARTLINE_"} == set()


@ids
def test_every_default_it_names_is_that_of_the_settings(page: Path) -> None:
    fields = Settings.model_fields
    for name, number, percent in DEFAULT.findall(page.read_text()):
        field = fields[name.removeprefix("CHARTLINE_").lower()]
        told = float(number.replace(",", "")) / (100 if percent else 1)
        assert told == pytest.approx(float(field.default)), (
            f"{name} is {field.default}, and {page.name} says {number}{percent}"
        )


def test_defaults_are_found() -> None:
    """What the test before would pass over is not the whole of it."""
    found = [match for page in PAGES for match in DEFAULT.findall(page.read_text())]
    assert len(found) >= 10


# -- commands ------------------------------------------------------------------------------------------------


def check_chartline(words: list[str]) -> None:
    """Parse them as the command line does; nothing is run. Raises `Wrong`."""
    command: Any = typer.main.get_command(app)
    context = command.context_class(command, info_name="chartline")
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, list(words))
        if hasattr(command, "resolve_command"):
            context = command.context_class(command, info_name=name, parent=context)
    command.make_context(name, words, parent=context)


def check_airflow(words: list[str]) -> None:
    from airflow.cli.cli_parser import get_parser

    get_parser().parse_args(words)


@ids
def test_every_command_it_says_to_type_can_be_typed(page: Path) -> None:
    for words in commands(page):
        if words[:3] == ["docker", "compose", "exec"]:
            words = words[4:]
        if words[0] in ("airflow", "bin/airflow"):
            check_airflow(words[1:])
        elif words[0] == "bin/chartline" and words[1:] != ["--help"]:
            check_chartline([word for word in words[1:] if word not in ("...",)])
        elif words[:3] == ["python", "-m", "chartline.cli"]:
            check_chartline(words[3:])


@ids
def test_it_names_programs_by_where_they_are(page: Path) -> None:
    """Neither `airflow` nor `chartline` is on the PATH of one who has typed `bin/up`."""
    for block in blocks(page, *SHELL):
        assert re.findall(r"^\s*(?:airflow|chartline|psql) .*$", block, re.MULTILINE) == []


def test_a_command_that_is_not_there_is_found() -> None:
    with pytest.raises(Wrong):
        check_chartline(["schedules", "follow", "x"])
    with pytest.raises(Wrong):
        check_chartline(["schedules", "add", "x", "--no-such-option"])
    with pytest.raises(SystemExit):
        check_airflow(["dags", "backfill"])


@ids
def test_its_commands_are_sound_shell(page: Path) -> None:
    for block in blocks(page, "sh"):
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)


# -- all that is there ---------------------------------------------------------------------------------------

MANUAL = "\n".join(page.read_text() for page in PAGES)
ROUTES = json.loads((REPOSITORY / "docs" / "reference" / "openapi.json").read_text())["paths"]


def all_commands(group: Any, path: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        yield from all_commands(command, f"{path}{name} ") if hasattr(command, "commands") else [f"{path}{name}"]


def test_every_setting_command_and_route_is_named() -> None:
    assert [name for name in Settings.model_fields if f"`CHARTLINE_{name.upper()}`" not in MANUAL] == []
    assert [name for name in all_commands(typer.main.get_command(app)) if f"`{name}`" not in MANUAL] == []
    assert [path for path in ROUTES if f"`{path}`" not in MANUAL] == []


def test_every_module_is_named_with_what_it_is() -> None:
    page = (REPOSITORY / "docs" / "reference" / "modules.md").read_text()
    parts = dict(part.split("\n", 1) for part in page.split("\n## ")[1:])
    files = [path for root in ("include", "plugins", "dags") for path in (REPOSITORY / root).rglob("*.py")]
    for path in files:
        if path.parent.name != "versions" and path.read_text():
            assert f"| `{path.name}` | " in parts[str(path.relative_to(REPOSITORY).parent)], path


def test_every_file_that_the_floor_plan_names_is_there() -> None:
    text = (REPOSITORY / "docs" / "architecture.md").read_text()
    files = {path.name for root in ("include", "plugins", "dags") for path in (REPOSITORY / root).rglob("*.py")}
    named = {name.rpartition("/")[2] for name in re.findall(r"`([\w/]+\.py)`", text)}
    assert named - files == set()
    assert len(named) > 50


@ids
def test_every_route_that_it_calls_is_one(page: Path) -> None:
    known = [re.compile("/api/" + re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path[5:]))) for path in ROUTES]
    for called in re.findall(r"\$API(/[^\s\"'?]*)", page.read_text()):
        assert any(pattern.fullmatch(f"/api{called}") for pattern in known), called


# -- links ---------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The names by which a page's headings can be linked to."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", ALL, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_its_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file) if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


# -- secrets -------------------------------------------------------------------------------------------------

SHOWN = {
    "a file's secret becomes a word of the command": re.compile(r"^(?!.*=\$\(cat)\s*\S.*\$\(cat\b"),
    "a login in a header": re.compile(r"-H\s*[\"']?[^\"'\n]*(authorization|api-?key)[^\n]*\$", re.IGNORECASE),
    "a password in a body": re.compile(r"(-d|--data\S*|--json)\s*[\"'][^\n]*\$\{?\w*(PASS|SECRET|KEY|TOKEN)"),
    "a login in an address": re.compile(r"://[^/\s:]+:[^@/\s]*\$"),
    "a password as an option": re.compile(r"--(password|user)[ =]\S*\$|\s-u\s+\S*:\S*\$"),
}


@ids
def test_no_command_shows_a_secret(page: Path) -> None:
    """Every user of a machine reads the words of every process."""
    for block in blocks(page, *SHELL):
        for line in block.replace("\\\n", " ").splitlines():
            assert [what for what, pattern in SHOWN.items() if pattern.search(line)] == [], line
    assert "$(cat .chartline" not in page.read_text()


@pytest.mark.parametrize(
    "line",
    [
        'psql "$(cat .chartline/secrets/warehouse-url)"',
        'curl -s $WEB/x -H "authorization: Bearer $TOKEN"',
        """curl $WEB/auth/token -d "{\\"password\\": \\"$PASSWORD\\"}\"""",
        "psql postgresql://chartline:$PASSWORD@localhost/chartline",
        "curl -u admin:$PASSWORD $WEB",
    ],
)
def test_what_shows_one_is_found(line: str) -> None:
    assert any(pattern.search(line) for pattern in SHOWN.values())
