"""What compose runs before Airflow starts."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from chartline.errors import NotConfigured
from chartline.local import prepare

PASSWORDS = {"CHARTLINE_ADMIN_PASSWORD": 'quo"ted', "CHARTLINE_VIEWER_PASSWORD": "other"}


def test_logins(tmp_path: Path) -> None:
    path = tmp_path / "logins" / "logins.json"
    prepare.write_logins(PASSWORDS | {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(path)})
    assert json.loads(path.read_text()) == {"admin": 'quo"ted', "viewer": "other"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_missing_password_is_named(tmp_path: Path) -> None:
    env = {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(tmp_path / "l"), "CHARTLINE_ADMIN_PASSWORD": "x"}
    with pytest.raises(NotConfigured, match="CHARTLINE_VIEWER_PASSWORD is not set"):
        prepare.write_logins(env)


def test_a_missing_warehouse_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    env = PASSWORDS | {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(tmp_path / "l")}
    assert prepare.main(env) == 1
    assert "CHARTLINE_WAREHOUSE_URL is not set" in capsys.readouterr().err
