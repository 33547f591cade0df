"""`chartline psql`, `airflow` and `token`: other programs on this installation. No secret is on a command line, where
every user of the machine could read it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import psycopg
import requests
import typer
from psycopg.conninfo import conninfo_to_dict

from chartline.cli import common
from chartline.errors import BadInput, NetworkTrouble, NotConfigured
from chartline.files import UMASK, private_folder, write_private
from chartline.places import state_folder
from chartline.proxies import LOOPBACK
from chartline.sessions import Session

READER = "CHARTLINE_READER_URL"
PASSES_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.command("psql", context_settings=PASSES_ON)(psql)
    app.command("airflow", add_help_option=False, context_settings=PASSES_ON)(airflow)
    app.command("token")(token)


def psql(
    context: typer.Context,
    owner: Annotated[bool, typer.Option("--owner", help="as the owner, who may change everything")] = False,
) -> None:
    """Open psql on the warehouse, as a user who may only read. Further arguments go to psql: chartline psql -c 'select
    1'."""
    url = common.warehouse_url() if owner else os.environ.get(READER, "")
    if not url:
        raise NotConfigured(
            f"No address for reading the warehouse is set: {READER} is empty.",
            advice="Start bin/up once, or make the role (docs/howto/query.md) and set it; or use --owner.",
        )
    program = shutil.which("psql")
    if program is None:
        raise NotConfigured(
            "psql is not installed on this machine.",
            advice="Install it (Debian: apt-get install postgresql-client; macOS: brew install libpq), or use any "
            "program that reads PostgreSQL: docs/howto/query.md.",
        )
    os.execve(program, [program, *context.args], dict(os.environ) | _libpq(url))  # noqa: S606


def airflow(context: typer.Context) -> None:
    """Run Airflow's own command: chartline airflow dags trigger chartline.chart_cascade."""
    if not {"AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"} & os.environ.keys():
        raise NotConfigured(
            "No Airflow installation is known here.", advice="Use bin/airflow after bin/up, or set AIRFLOW_HOME."
        )
    os.umask(UMASK)
    os.execv(sys.executable, [sys.executable, "-m", "airflow", *context.args])  # noqa: S606


def token(
    user: Annotated[str, typer.Option(help="who logs in: a user of Airflow's simple auth manager")] = "admin",
    curl: Annotated[bool, typer.Option("--curl", help="write it into a file for curl -K; print its path")] = False,
) -> None:
    """Log in to Airflow and print a token for its REST API and Chartline's, good for a day."""
    url = os.environ.get("AIRFLOW__API__BASE_URL", "").rstrip("/")
    if not url:
        raise NotConfigured(
            "Airflow's address is not set: AIRFLOW__API__BASE_URL is empty.",
            advice="Start bin/up once, or set it.",
        )
    body = {"username": user, "password": _password(user)}
    try:
        with Session() as http:
            answer = http.post(f"{url}/auth/token", json=body, timeout=30)
            answer.raise_for_status()
            own = str(answer.json()["access_token"])
    except (requests.RequestException, ValueError, KeyError) as trouble:
        raise NetworkTrouble(
            f"Airflow at {url} gave no token ({type(trouble).__name__}).", advice="Start it: bin/up"
        ) from None
    if not curl:
        typer.echo(own)
        return
    lines = [f'header = "Authorization: Bearer {own}"', "silent", "show-error"]
    if any(f"//{host}" in url for host in LOOPBACK):
        lines.append(f'noproxy = "{",".join(LOOPBACK)}"')
    path = private_folder(state_folder() / "secrets") / f"curl-{user}"
    write_private(path, "\n".join(lines) + "\n")
    typer.echo(path)


def _password(user: str) -> str:
    file = os.environ.get("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE")
    path = Path(file or state_folder() / "secrets" / "airflow-logins.json")
    try:
        logins: dict[str, str] = json.loads(path.read_text())
    except (OSError, ValueError):
        raise NotConfigured(
            f"The passwords of Airflow's users cannot be read from {path}.",
            advice="Start bin/up once, or set AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE.",
        ) from None
    if user not in logins:
        raise BadInput(f"user: {user!r} is not a user.", field="user", advice=f"There are {', '.join(sorted(logins))}.")
    return logins[user]


def _libpq(url: str) -> dict[str, str]:
    """A url as the variables that every PostgreSQL program reads."""
    given = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    known = {one.keyword.decode(): one.envvar.decode() for one in psycopg.pq.Conninfo.get_defaults() if one.envvar}
    return {known[key]: value for key, value in given.items() if key in known}
