"""The connection form: found by Airflow without an installation, with our fields, and its Test button works."""

from __future__ import annotations

import json
import tomllib
from importlib import metadata
from pathlib import Path

import jsonschema
import pytest
from airflow.models.connection import Connection
from airflow.providers_manager import ProvidersManager

import chartline
from chartline_airflow.hook import SoundchartsHook
from chartline_airflow.provider import get_provider_info

REPOSITORY = Path(__file__).parents[2]
FIELDS = get_provider_info()["connection-types"][0]["conn-fields"]


def test_its_name_and_version_are_those_of_the_project() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    found = metadata.distribution("chartline")
    assert (found.metadata["Name"], found.version) == (project["name"], chartline.__version__)
    points = {point.name: point.value for point in found.entry_points if point.group == "apache_airflow_provider"}
    assert points == project["entry-points"]["apache_airflow_provider"]
    assert found.metadata["Summary"] == project["description"]
    assert Path(str(found.locate_file(""))) == REPOSITORY / "plugins"


def test_airflow_offers_the_form() -> None:
    manager = ProvidersManager()
    assert "chartline" in manager.providers
    hook = manager.hooks["soundcharts"]
    assert hook is not None
    assert hook.hook_name == "Soundcharts"
    assert hook.connection_testable
    relabelled = manager.field_behaviours["soundcharts"]["relabeling"]
    assert relabelled["login"] == "App id or client id"
    assert relabelled["password"] == "API key or client secret"
    shown = {name for name in manager.connection_form_widgets if name.startswith("extra__soundcharts__")}
    assert shown == {f"extra__soundcharts__{name}" for name in FIELDS}


def test_every_field_has_a_label_a_hint_and_a_default_that_it_accepts() -> None:
    for field in FIELDS.values():
        assert field["label"]
        assert field["description"]
        jsonschema.validate(field["schema"].get("default"), field["schema"])


@pytest.mark.parametrize("kind", ["soundcharts", "http"])
def test_a_connection_as_the_form_saves_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = {name: field["schema"].get("default") for name, field in FIELDS.items()}
    given = {"conn_type": kind, "host": "https://localhost/", "login": "form-app", "password": "form-key-1234"}
    monkeypatch.setenv("AIRFLOW_CONN_SOUNDCHARTS", json.dumps(given | {"extra": empty | {"calls_per_minute": 60}}))
    account = SoundchartsHook().account
    assert (account.login, account.password, account.calls_per_minute) == ("form-app", "form-key-1234", 60)
    assert account.base_url == "https://localhost"


def test_the_test_button_asks_our_hook() -> None:
    tried = Connection(
        conn_id="soundcharts_tried", conn_type="soundcharts", host="http://127.0.0.1:1", login="app", password="key-123"
    )
    hook = tried.get_hook(hook_params={})
    assert isinstance(hook, SoundchartsHook)
    assert hook.http_conn_id == "soundcharts_tried"
