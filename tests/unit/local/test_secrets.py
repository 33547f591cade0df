"""Secrets: made once, private, never shown."""

from __future__ import annotations

import base64
import json
import stat
from dataclasses import asdict
from pathlib import Path

from chartline.files import private_folder, write_private
from chartline.local.secrets import Secrets


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_made_once_and_kept(tmp_path: Path) -> None:
    first = Secrets.load(tmp_path / "secrets")
    assert Secrets.load(tmp_path / "secrets") == first
    assert Secrets.load(tmp_path / "others") != first


def test_every_secret_is_its_own_and_long(tmp_path: Path) -> None:
    values = list(asdict(Secrets.load(tmp_path)).values())
    assert len(set(values)) == len(values)
    assert min(map(len, values)) >= 24


def test_only_the_owner_can_read(tmp_path: Path) -> None:
    secrets = Secrets.load(tmp_path / "secrets")
    secrets.write_logins(tmp_path / "secrets" / "logins.json")
    assert mode(tmp_path / "secrets") == 0o700
    assert {mode(path) for path in (tmp_path / "secrets").iterdir()} == {0o600}


def test_repr_shows_nothing(tmp_path: Path) -> None:
    secrets = Secrets.load(tmp_path)
    assert not [value for value in asdict(secrets).values() if value in repr(secrets) + str(secrets)]


def test_a_later_version_s_secret_is_added_and_the_others_stay(tmp_path: Path) -> None:
    first = Secrets.load(tmp_path)
    kept = asdict(first)
    del kept["jwt"]
    write_private(tmp_path / "secrets.json", json.dumps(kept | {"forgotten": "x"}))
    second = Secrets.load(tmp_path)
    assert (second.admin, second.fernet) == (first.admin, first.fernet)
    assert second.jwt not in ("", first.jwt)
    assert Secrets.load(tmp_path) == second


def test_the_fernet_key_is_32_bytes(tmp_path: Path) -> None:
    assert len(base64.urlsafe_b64decode(Secrets.load(tmp_path).fernet)) == 32


def test_logins_are_what_airflow_reads(tmp_path: Path) -> None:
    secrets = Secrets.load(tmp_path)
    secrets.write_logins(tmp_path / "logins.json")
    assert json.loads((tmp_path / "logins.json").read_text()) == {"admin": secrets.admin, "viewer": secrets.viewer}


def test_an_open_folder_is_closed(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o777)
    assert mode(private_folder(tmp_path / "open")) == 0o700
