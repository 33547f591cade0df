"""The floor plan of pyproject.toml: it holds, and it is not kept by chance: a wrong import is found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

WRONG = {
    "a rule that asks the warehouse": ("chartline/domain/grid.py", "from chartline.warehouse import charts", "layers"),
    "a store that imports a list": (
        "chartline/warehouse/charts.py",
        "from chartline.warehouse.reads import gaps",
        "reads",
    ),
    "a step that knows Airflow": ("chartline/cascade/report.py", "from airflow.sdk import dag", "airflow"),
    "a page's number with SQL of its own": ("chartline/costs/weights.py", "import psycopg", "sql"),
    "a client that knows the made-up world": ("chartline/soundcharts/calls.py", "import simulator.world", "simulator"),
}


def check(root: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    """Checks the packages below `root` against the contracts of the repository: all, or those named."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    chosen = [word for contract in contracts for word in ("--contract", contract)]
    return subprocess.run(
        [*command, str(REPOSITORY / "pyproject.toml"), "--no-cache", *chosen],
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "include"), str(root / "plugins")])},
        capture_output=True,
        text=True,
    )


def test_the_floor_plan_holds() -> None:
    done = check(REPOSITORY)
    assert done.returncode == 0, done.stdout
    assert "5 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(("file", "line", "contract"), WRONG.values(), ids=WRONG)
def test_a_wrong_import_is_found(tmp_path: Path, file: str, line: str, contract: str) -> None:
    for folder in ("include", "plugins"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "static"))
    assert check(tmp_path, contract).returncode == 0
    source = tmp_path / "include" / file
    source.write_text(f"{source.read_text()}\n{line}\n")
    done = check(tmp_path, contract)
    assert done.returncode == 1
    assert f"{file.removesuffix('.py').replace('/', '.')} -> " in done.stdout
