from __future__ import annotations

import ast
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Literal

import pytest

from chartline.alerts.webhooks import Webhook
from chartline.errors import ChartlineError
from chartline.operating.airflow import AirflowServer
from chartline.sessions import Session
from chartline.soundcharts.account import ApiAccount
from chartline.soundcharts.client import SoundchartsClient
from chartline.soundcharts.endpoints import TEAM_USAGE
from chartline.soundcharts.limiter import NoLimiter

SOURCES = [Path(__file__).parents[2] / name for name in ("include", "plugins")]


class Listener:
    """Notes the logins that reach it, as `Authorization` headers."""

    def __init__(self) -> None:
        logins: list[str | None] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                logins.append(self.headers.get("Authorization"))
                if self.path == "/moved":
                    self.send_response(302)
                    self.send_header("Location", "/here")
                else:
                    self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                return

        self.logins = logins
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Somebody whose host is in the person's `.netrc`."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password of-the-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    one = Listener()
    yield one
    one.close()


def test_no_login_of_a_netrc_goes_along(listener: Listener) -> None:
    with Session() as http:
        http.get(f"{listener.url}/here")
        http.get(f"{listener.url}/moved")
        http.get(f"{listener.url}/moved", headers={"Authorization": "Bearer mine"})
    assert listener.logins == [None, None, None, "Bearer mine", "Bearer mine"]


def test_a_webhook_gets_no_login_of_a_netrc(listener: Listener) -> None:
    assert Webhook(f"{listener.url}/hook", "secret").send({"event": "test"}, "1").ok
    assert listener.logins == [None]


def test_airflow_gets_the_login_that_is_meant_for_it(listener: Listener) -> None:
    with AirflowServer("http://airflow.example", None).session() as http:
        http.get(f"{listener.url}/api/v2/pools", headers={"Authorization": "Bearer its"})
    assert listener.logins == ["Bearer its"]


@pytest.mark.parametrize("auth", ["keys", "oauth"])
def test_soundcharts_and_its_token_url_get_the_accounts_login_only(
    listener: Listener, auth: Literal["keys", "oauth"]
) -> None:
    account = ApiAccount(listener.url, "app", "key", auth=auth, token_url=f"{listener.url}/token", team_id="1")
    with SoundchartsClient(account, limiter=NoLimiter()) as client, suppress(ChartlineError):
        client.get(TEAM_USAGE)  # what comes of it is not the question
    assert listener.logins
    assert "Basic c29tZWJvZHk6b2YtdGhlLW5ldHJj" not in listener.logins  # pragma: allowlist secret


def test_nothing_of_ours_makes_a_session_of_another_kind() -> None:
    """A call of `requests.get` and its like, or a bare session, would take a login from the `.netrc`."""
    kinds = {"get", "post", "put", "patch", "delete", "head", "request"}
    found = []
    for path in (path for source in SOURCES for path in source.rglob("*.py") if path.name != "sessions.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            of = node.func.value
            if isinstance(of, ast.Name) and of.id == "requests" and node.func.attr in {*kinds, "Session"}:
                found.append(f"{path}:{node.lineno}")
    assert found == []
