"""Airflow on one machine: its four components as separate programs, and its REST API."""

from __future__ import annotations

import json as jsonlib
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
import requests

from chartline.errors import AskPerson, TryLater
from chartline.files import UMASK, private, private_folder, write_private
from chartline.local.ports import LOOPBACK
from chartline.local.processes import Service, ServiceFailed, last_words, stop_all
from chartline.sessions import Session

# `--skip-serve-logs`: the log servers would listen on every network, and on one machine logs are read from the disk.
COMPONENTS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}

GRACE = {"triggerer": 3.0}  # seconds; it waits long for a child that holds nothing


class AirflowRefused(AskPerson):
    """Airflow's REST API answered with an error; `status` is its HTTP status."""

    kind = "airflow_refused"

    def __init__(self, what: str, *, status: int, **more: Any) -> None:
        self.status = status
        super().__init__(what, **more)


class AirflowSilent(TryLater):
    """Airflow's web server gave no answer."""

    kind = "airflow_silent"


class LocalAirflow:
    """Airflow with its state below `home`. `env`: see `airflow_env`; `port`: of the web server, as in `env`."""

    def __init__(self, home: Path, env: Mapping[str, str], port: int) -> None:
        self.home, self.env, self.port = home, dict(env), port
        self.web = f"http://{LOOPBACK}:{port}"
        self._token: str | None = None
        self._http = Session()
        self._http.trust_env = False  # never through a proxy
        run = private_folder(home / "run")
        self._services = {
            name: Service(
                f"airflow-{name}",
                _airflow(*words),
                self.env,
                logs=home / "logs",
                run=run,
                grace=GRACE.get(name, 12.0),
            )
            for name, words in COMPONENTS.items()
        }

    def __repr__(self) -> str:
        return f"LocalAirflow({self.web!r})"

    # -- getting ready -------------------------------------------------------------------------------------

    def migrate(self) -> bool:
        """Bring Airflow's own database up to date. Quick, and False, when this version of Airflow did so before."""
        if self._stamp().get("airflow") == version("apache-airflow-core") and self._has_tables():
            return False
        self.command("db", "migrate")
        self._write_stamp(airflow=version("apache-airflow-core"))
        return True

    def import_pools(self, pools: Mapping[str, Mapping[str, object]]) -> bool:
        """Make or change these pools. Quick, and False, when the same were imported before: a person's change stays."""
        if self._stamp().get("pools") == pools:
            return False
        path = self.home / "airflow" / "pools.json"
        write_private(path, jsonlib.dumps(pools))
        self.command("pools", "import", str(path))
        self._write_stamp(pools=pools)
        return True

    def command(self, *words: str, timeout: float = 300) -> str:
        """Run an `airflow` command to its end and return what it wrote. Raises `ServiceFailed` with its last words."""
        private_folder(self.home / "airflow")
        log = private_folder(self.home / "logs") / "airflow-commands.log"
        done = subprocess.run(
            _airflow(*words), env=self.env, cwd=self.home, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False, start_new_session=True,
            umask=UMASK,
        )  # fmt: skip
        with open(log, "a", opener=private) as file:
            file.write(f"$ airflow {' '.join(words)}\n{done.stdout}")
        if done.returncode:
            tail = "\n".join(done.stdout.splitlines()[-12:])
            raise ServiceFailed(f"`airflow {' '.join(words)}` failed:\n{tail}", advice=f"The whole log: {log}")
        return done.stdout

    # -- life ----------------------------------------------------------------------------------------------

    def start(self, *components: str) -> None:
        """Start these components (default: all that do not run yet) and return at once."""
        private_folder(self.home / "airflow")
        private_folder(self.home / "logs")
        for name in components or COMPONENTS:
            if not self._services[name].alive:
                self._services[name].start()

    def stop(self, *components: str) -> None:
        """Stop these components (default: all). The web server goes last: tasks report their end to it."""
        names = components or tuple(COMPONENTS)
        stop_all([self._services[name] for name in names if name != "api-server"])
        stop_all([self._services[name] for name in names if name == "api-server"])

    def kill(self, component: str) -> None:
        """End a component as a crash would (SIGKILL to its main process and all below it)."""
        self._services[component].kill()

    def pids(self) -> dict[str, int]:
        """The main process of each running component."""
        return {name: service.pid for name, service in self._services.items() if service.alive and service.pid}

    def require_alive(self) -> None:
        """Raise `ServiceFailed` naming the component that has ended by itself, with its last words."""
        for service in self._services.values():
            service.require_alive()

    def wait_healthy(self, timeout: float = 120) -> None:
        """Return when every component reports itself healthy. Raises `ServiceFailed`, naming those that do not."""
        self._wait(lambda: not self.unhealthy(), timeout, "")

    def unhealthy(self) -> list[str]:
        """The parts that do not report themselves healthy, as Airflow's monitor names them."""
        health = self._health()
        if health is None:
            return ["api-server"]
        return [name for name, part in health.items() if part.get("status") != "healthy"]

    def _wait(self, ready: Callable[[], bool], timeout: float, name: str) -> None:
        deadline = time.monotonic() + timeout
        while not ready():
            self.require_alive()
            if time.monotonic() > deadline:
                late = [name] if name else self.unhealthy()
                words = "\n".join(f"{one}:\n{last_words(self._log(one))}" for one in late)
                raise ServiceFailed(f"Airflow was not ready after {timeout:.0f} s: {', '.join(late)}.\n{words}")
            time.sleep(0.1)

    def _log(self, name: str) -> Path:
        return self.home / "logs" / f"airflow-{'api-server' if name == 'metadatabase' else name.replace('_', '-')}.log"

    def _health(self) -> dict[str, dict[str, str]] | None:
        try:
            answer = self._http.get(f"{self.web}/api/v2/monitor/health", timeout=5)
        except requests.RequestException:
            return None
        if not answer.ok:
            return None
        health: dict[str, dict[str, str]] = answer.json()
        return {name: part for name, part in health.items() if part}

    # -- REST ----------------------------------------------------------------------------------------------

    def token(self, user: str = "admin") -> str:
        """A bearer token for the REST API (valid for a day). Raises `AirflowRefused`, `AirflowSilent`."""
        logins = jsonlib.loads(Path(self.env["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]).read_text())
        body = {"username": user, "password": logins[user]}
        answer = self._ask("POST", f"{self.web}/auth/token", json=body, timeout=30)
        token: str = answer.json()["access_token"]
        return token

    def api(self, method: str, path: str, json: object = None, *, params: Mapping[str, Any] | None = None) -> Any:
        """One REST call as admin: `path` starts with `/`, or stands below `/api/v2/`. Returns the JSON answer or None.

        Raises `AirflowRefused` (`.status`) for 4xx and 5xx, `AirflowSilent` when there is no answer.
        """
        if self._token is None:
            self._token = self.token()
        url = self.web + (path if path.startswith("/") else f"/api/v2/{path}")
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = self._ask(method, url, json=json, params=params, headers=headers, timeout=60)
        return answer.json() if answer.content else None

    def _ask(self, method: str, url: str, **more: Any) -> requests.Response:
        try:
            answer = self._http.request(method, url, **more)
        except requests.RequestException as error:
            raise AirflowSilent(f"{method} {url}: no answer ({type(error).__name__}).") from error
        if not answer.ok:
            text = f"{method} {url}: {answer.status_code} {answer.text[:500]}"
            raise AirflowRefused(text, status=answer.status_code)
        return answer

    # -- what was done before ------------------------------------------------------------------------------

    def _stamp(self) -> dict[str, Any]:
        try:
            stamp: dict[str, Any] = jsonlib.loads((self.home / "airflow" / "prepared.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return stamp

    def _write_stamp(self, **done: object) -> None:
        write_private(self.home / "airflow" / "prepared.json", jsonlib.dumps(self._stamp() | done, indent=2))

    def _has_tables(self) -> bool:
        url = self.env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", "", 1)
        with psycopg.connect(url) as conn:
            row = conn.execute("SELECT to_regclass('public.alembic_version') IS NOT NULL").fetchone()
        return bool(row and row[0])


def _airflow(*words: str) -> list[str]:
    return [sys.executable, "-m", "airflow", *words]
