"""Passwords and keys of one installation: made once, kept in a folder that only its owner can read."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from chartline.files import private_folder, write_private


def _password() -> str:
    return secrets.token_urlsafe(18)


def _key() -> str:
    return secrets.token_urlsafe(48)


def _fernet() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


@dataclass(frozen=True, repr=False)
class Secrets:
    """Every secret that a local installation makes for itself. `repr` shows none of them."""

    airflow_database: str = field(default_factory=_password)
    warehouse: str = field(default_factory=_password)
    reader: str = field(default_factory=_password)
    admin: str = field(default_factory=_password)
    viewer: str = field(default_factory=_password)
    fernet: str = field(default_factory=_fernet)
    jwt: str = field(default_factory=_key)
    api: str = field(default_factory=_key)
    simulator: str = field(default_factory=_password)
    simulator_control: str = field(default_factory=_password)

    def __repr__(self) -> str:
        return "Secrets(…)"

    @classmethod
    def load(cls, folder: Path) -> Secrets:
        """The secrets of `folder`, made now if they are not there yet (a newer Chartline's additional ones, too)."""
        private_folder(folder)
        path = folder / "secrets.json"
        kept = json.loads(path.read_text()) if path.exists() else {}
        known = {item.name for item in fields(cls)}
        loaded = cls(**{name: value for name, value in kept.items() if name in known})
        if asdict(loaded) != kept:
            write_private(path, json.dumps(asdict(loaded), indent=2) + "\n")
        return loaded

    def write_logins(self, path: Path) -> None:
        """The file that Airflow's simple auth manager reads: user → password."""
        write_private(path, json.dumps({"admin": self.admin, "viewer": self.viewer}) + "\n")
