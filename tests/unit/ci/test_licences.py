""".ci/licences.py: what it refuses."""

from __future__ import annotations

import runpy
from email.message import Message
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from chartline.places import REPOSITORY

CHECK = runpy.run_path(str(REPOSITORY / ".ci" / "licences.py"))


def refused(monkeypatch: pytest.MonkeyPatch, name: str, licence: str) -> list[str]:
    package = Message()
    package["Name"] = name
    package["License-Expression"] = licence
    others = list(metadata.distributions())
    monkeypatch.setattr(metadata, "distributions", lambda: [*others, SimpleNamespace(metadata=package)])
    return list(CHECK["problems"]())


def test_what_is_installed_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(monkeypatch, "good", "MIT") == []


@pytest.mark.parametrize("licence", ["GPL-3.0-or-later", "AGPL-3.0-only", "LGPL-3.0-only", "GNU GPL"])
def test_the_gpl_is_refused_and_the_lgpl_where_third_party_does_not_name_it(
    licence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused(monkeypatch, "stranger", licence) == [f"stranger is under: {licence}"]


def test_a_package_that_says_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(monkeypatch, "silent", "") == ["silent says nothing of its licence"]


def test_third_party_names_packages_with_what_follows() -> None:
    text = "| one, two (of Airflow) | LGPL 3 | used as it is |\n| three | LGPL 3 |  |\n| four | GPL 3 | no |\n"
    assert CHECK["named"](text) == {"one", "two"}


def test_npm_s_lock_names_licences(tmp_path: Path) -> None:
    lock = tmp_path / "package-lock.json"
    lock.write_text('{"packages": {"": {}, "node_modules/a": {"license": "MIT"}, "node_modules/b": {}}}')
    assert list(CHECK["of_npm"](lock)) == [("a", "MIT"), ("b", "")]
