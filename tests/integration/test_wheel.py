"""The wheel: installed by name in an environment of Airflow's own, it needs no checkout and no PYTHONPATH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import chartline
from chartline.places import REPOSITORY
from chartline.warehouse import schema
from chartline.warehouse.connect import connect

WANTS = {"apache_airflow_provider": "provider_info", "airflow.plugins": "chartline"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `python -m build` makes it: from the source archive, which therefore lacks nothing."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(REPOSITORY)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


class Environment:
    """A Python environment with the wheel, in which what Chartline needs is seen as the test environment has it."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder = folder
        self.programs = folder / "venv" / "bin"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
        site = next(folder.glob("venv/lib/python*/site-packages"))
        (site / "needs.pth").write_text(sysconfig.get_path("purelib"))
        done = self.run("python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel))
        assert done.returncode == 0, done.stderr

    def run(self, program: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CHARTLINE"))}
        inherited.pop("PYTHONPATH", None)
        return subprocess.run(
            [str(self.programs / program), *words],
            env=inherited
            | {"AIRFLOW_HOME": str(self.folder / "airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
            | env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("environment"), wheel)


def test_it_holds_every_file_of_its_packages(wheel: Path) -> None:
    listed = ["git", "ls-files", "-z", "include", "plugins/chartline_airflow", "plugins/chartline_plugin.py"]
    files = subprocess.run(listed, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout.split("\0")[:-1]
    wanted = {name.partition("/")[2] for name in files if (REPOSITORY / name).exists()}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert wanted - held == set()
    assert any(name.endswith(".sql") for name in held)
    assert any(name.endswith(".js") for name in held)
    assert f"-{chartline.__version__}-" in wheel.name


LOOK = """
import json
from importlib.metadata import entry_points
from airflow import plugins_manager
from airflow.providers_manager import ProvidersManager
import chartline, chartline_plugin
from chartline import places
manager = ProvidersManager()
plugins, errors = plugins_manager._get_plugins()
print(json.dumps({
    "from": [chartline.__file__, chartline_plugin.__file__],
    "entry points": {group: [one.name for one in entry_points(group=group) if one.dist.name == "chartline"]
                     for group in ("apache_airflow_provider", "airflow.plugins")},
    "version": manager.providers["chartline"].version,
    "form": manager.hooks["soundcharts"].hook_name,
    "plugins": [one.name for one in plugins if one.name == "chartline"],
    "errors": errors,
    "timetables": [name for one in plugins for name in map(str, one.timetables) if "chartline" in name],
    "state": str(places.state_folder()),
    "dags": str(places.dags_folder()),
}))
"""


def test_airflow_finds_provider_and_plugin_by_their_entry_points(environment: Environment) -> None:
    done = environment.run("python", "-c", LOOK)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert all(Path(file).is_relative_to(environment.folder) for file in found["from"])
    assert found["entry points"] == {group: [name] for group, name in WANTS.items()}
    assert found["version"] == chartline.__version__
    assert found["form"] == "Soundcharts"
    assert found["plugins"] == ["chartline"]
    assert found["errors"] == {}
    assert found["timetables"] == ["<class 'chartline_airflow.timetable.ChartTimetable'>"]
    assert Path(found["state"]) == environment.folder / "airflow" / "chartline"
    assert Path(found["dags"]) == environment.folder / "airflow" / "dags"


def test_its_command_makes_a_warehouse(environment: Environment, empty_database_url: str) -> None:
    assert "migrate" in environment.run("chartline", "--help").stdout
    done = environment.run("chartline", "migrate", CHARTLINE_WAREHOUSE_URL=empty_database_url)
    assert done.returncode == 0, done.stderr
    with connect(empty_database_url) as conn:
        schema.check(conn)
    refused = environment.run("chartline", "docs")
    assert (refused.returncode, refused.stderr.partition(".")[0]) == (
        1,
        "The documentation is written in a checkout of the repository",
    )
