"""Airflow's web server, asked from the command line with the login that `bin/up` and Docker keep in a file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from chartline.places import state_folder
from chartline.sessions import Session

SECONDS = 10
"""For one answer."""
TROUBLES = (requests.RequestException, ValueError, KeyError)
"""What asking may raise: no answer, a refusal, something that is not Airflow's."""
ON_THIS_MACHINE = ("http://127.0.0.1", "http://localhost")


@dataclass(frozen=True)
class AirflowServer:
    """Airflow's web server. `login`: user and password, where one is known."""

    url: str
    login: tuple[str, str] | None

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> AirflowServer:
        """By `AIRFLOW__API__BASE_URL` and the file of logins that `bin/up` and Docker use."""
        default = state_folder(env) / "secrets" / "airflow-logins.json"
        file = env.get("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE") or default
        try:
            logins = json.loads(Path(file).read_text())
        except (OSError, ValueError):
            logins = {}
        login = ("admin", str(logins["admin"])) if isinstance(logins, dict) and "admin" in logins else None
        return cls(env.get("AIRFLOW__API__BASE_URL", "").rstrip("/"), login)

    @property
    def can_be_asked(self) -> bool:
        """Whether it is known where it is and how to log in."""
        return bool(self.url) and self.login is not None

    def session(self) -> requests.Session:
        """A session to it, without a login."""
        session = Session()
        session.trust_env = not self.url.startswith(ON_THIS_MACHINE)
        return session

    def log_in(self, http: requests.Session) -> None:
        """Have the session's further requests made as `login`. Raises one of `TROUBLES`."""
        assert self.login is not None
        body = dict(zip(("username", "password"), self.login, strict=True))
        token = http.post(f"{self.url}/auth/token", json=body, timeout=SECONDS)
        token.raise_for_status()
        http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"

    def ask(self, method: str, path: str, json: Any = None, params: Any = None) -> Any:
        """One question of the REST API, as `login`: `path` below `/api/v2/`; the JSON of the answer, None where it has
        none. Raises one of `TROUBLES`."""
        with self.session() as http:
            self.log_in(http)
            answer = http.request(method, f"{self.url}/api/v2/{path}", json=json, params=params, timeout=SECONDS)
        answer.raise_for_status()
        return answer.json() if answer.content else None
