"""No credential is left behind by either way to log in, whatever goes wrong: in no log, table, raw answer or error.

A whole installation is searched in tests/e2e/test_secrets.py; here each fault strikes, and every token that was handed
out is looked for.
"""

from __future__ import annotations

import base64
import logging
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest
from psycopg import sql

from chartline.errors import ChartlineError
from chartline.soundcharts.account import ApiAccount
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse.budget import PostgresLimiter
from chartline.warehouse.connect import connect

from .conftest import Cascade

CHART = "demo-shazam-daily"
LOGIN, PASSWORD = "an-app-of-ours-7", "a/secret+of-ours=71"  # pragma: allowlist secret
OTHER = "another-secret-72"


@pytest.fixture
def world() -> dict[str, Any]:
    return {"entries": 8, "charts": 2, "artists": 20}


@dataclass
class LoggedIn(Cascade):
    """Runs with one of the two ways to log in. `handed_out`: every token that the simulator gave."""

    login: str = LOGIN
    password: str = PASSWORD
    auth: str = "keys"
    handed_out: list[str] = field(default_factory=list)

    def client(self) -> SoundchartsClient:
        extra = {"auth": self.auth, "token_url": f"{self.server.url}/oauth/token", "connections": 2}
        account = ApiAccount.from_connection(self.server.url, self.login, self.password, extra)
        limiter = PostgresLimiter(self.warehouse_url, account.name, 100_000)
        return SoundchartsClient(account, limiter=limiter, settings=self.settings, sleep=lambda seconds: None)

    def take(self, password: str) -> None:
        """What the account's password is from now on."""
        self.server.set(key_pairs={LOGIN: password}, oauth_clients={LOGIN: password}, odd_answers={"echo": ["*"]})

    def secrets(self) -> Iterator[str]:
        """All that must not be found, in each spelling that it may have had on its way."""
        for password in (PASSWORD, OTHER):
            pair = f"{LOGIN}:{password}"
            for one in (pair, f"{quote(LOGIN, safe='')}:{quote(password, safe='')}"):
                yield base64.b64encode(one.encode()).decode().rstrip("=")
            yield password
            yield quote(password, safe="")
        yield from self.handed_out


@pytest.fixture(params=["keys", "oauth"])
def logged_in(request: pytest.FixtureRequest, cascade: Cascade, monkeypatch: pytest.MonkeyPatch) -> LoggedIn:
    own = LoggedIn(cascade.warehouse_url, cascade.server, cascade.settings, auth=request.param)
    accounts = own.server.service.accounts
    grant: Callable[..., dict[str, Any]] = accounts.grant

    def noted(*args: Any) -> dict[str, Any]:
        given = grant(*args)
        own.handed_out.append(given["access_token"])
        return given

    monkeypatch.setattr(accounts, "grant", noted)
    own.take(PASSWORD)
    return own


def places(url: str, said: str, needle: str) -> list[str]:
    """Where it is found: in what was logged and raised, in tables (bytes too), in raw answers once they are open."""
    found = ["what was said"] if needle in said else []
    with connect(url) as conn:
        tables = conn.execute(
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
            " and schemaname not like 'pg\\_temp\\_%'"
        ).fetchall()
        for name in tables:
            query = sql.SQL("select 1 from {} t where position(%s in t::text) + position(%s in t::text) > 0 limit 1")
            if conn.execute(query.format(sql.Identifier(*name)), (needle, needle.encode().hex())).fetchone():
                found.append(".".join(name))
        for resource, body in conn.execute("select resource, body from chartline.raw_answer"):
            if needle.encode() in zlib.decompress(body):
                found.append(f"answer of {resource}")
    return found


FAULTS: dict[str, dict[str, Any]] = {
    "500 that repeats the request": {"kind": "status", "status": 500, "match": "*audience*", "share": 0.5},
    "500 of all rankings": {"kind": "status", "status": 500, "match": "ranking*"},
    "401 again and again": {"kind": "status", "status": 401, "match": "song", "share": 1},
    "403": {"kind": "status", "status": 403, "match": "artist"},
    "a token that is revoked on its way": {"kind": "expired_token", "match": "*", "times": 2},
    "tokens that cannot be had": {"kind": "status", "status": 500, "match": "*token*"},
    "cut": {"kind": "malformed", "match": "song*"},
}


def test_no_credential_is_left_by_either_way_to_log_in(logged_in: LoggedIn, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []

    def run(name: str) -> None:
        with suppress(AssertionError):
            try:
                logged_in.run(CHART, name, force=True)
            except ChartlineError as error:
                said.append(f"{error!r} {error} {error.advice} {error.body!r}")
            except Exception as error:  # the report's own end of a failed run
                said.append(repr(error))

    run("good")
    for name, fault in FAULTS.items():
        logged_in.server.set(faults=[fault])
        run(name)
    logged_in.server.set(faults=[])
    logged_in.take(OTHER)  # the account's password is another one now: ours is refused
    for token in logged_in.handed_out:
        logged_in.server.service.accounts.expire(token)
    run("refused")
    said.append(caplog.text)

    text = "\n".join(said)
    found = {
        secret: where for secret in logged_in.secrets() if (where := places(logged_in.warehouse_url, text, secret))
    }
    assert found == {}
    assert "credentials_refused" in text or "refused the credentials" in text
    # The search finds what is there, and refusals did repeat the request with its headers.
    assert places(logged_in.warehouse_url, text, CHART) != []
    where = places(logged_in.warehouse_url, text, '"x-api-key":"***"' if logged_in.auth == "keys" else "***")
    assert [place for place in where if place.startswith("answer of")] != []
    assert (len(logged_in.handed_out) > 2) is (logged_in.auth == "oauth"), "and tokens were handed out"
