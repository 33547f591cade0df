"""From Airflow connection to client: what becomes the account, what shapes the session, what never leaves."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from airflow.sdk._shared.secrets_masker import secrets_masker

from chartline.errors import NotConfigured
from chartline.settings import settings
from chartline.soundcharts import endpoints
from chartline.soundcharts.limiter import NoLimiter
from chartline_airflow.hook import SoundchartsHook

KEY = "hook-key-of-tests"

Connect = Callable[..., SoundchartsHook]


class Server(ThreadingHTTPServer):
    """Answers every request with `status` and `body`; `asked` keeps path and headers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.body: Any = {"object": {}, "errors": []}
        self.headers: dict[str, str] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        granted = {"access_token": "hook-token-of-tests"}
        body = json.dumps(granted if self.path == "/oauth/token" else self.server.body).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-quota-remaining", "4321")
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, server: Server) -> Connect:
    """Sets the connection `soundcharts` in the environment, as bin/up does, and gives a hook of it."""

    def set_and_hook(**given: Any) -> SoundchartsHook:
        connection = {"conn_type": "http", "host": server.url, "login": "hook-app-7", "password": KEY} | given
        monkeypatch.setenv("AIRFLOW_CONN_SOUNDCHARTS", json.dumps(connection))
        return SoundchartsHook()

    return set_and_hook


def usage(hook: SoundchartsHook) -> None:
    with hook.client(NoLimiter()) as client:
        client.get(endpoints.TEAM_USAGE)


def test_the_connection_becomes_the_account(connect: Connect, server: Server) -> None:
    account = connect(extra={"calls_per_minute": 100, "connections": 3, "team_id": "t-1"}).account
    assert (account.base_url, account.login, account.password) == (server.url, "hook-app-7", KEY)
    assert (account.auth, account.calls_per_minute, account.connections) == ("keys", 100, 3)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"host": "localhost", "schema": "http", "port": 81}, "http://localhost:81"),
        ({"host": "customer.api.soundcharts.com"}, "https://customer.api.soundcharts.com"),
        ({"host": "http://localhost/", "port": 81}, "http://localhost:81"),
    ],
)
def test_scheme_and_port_may_stand_in_their_own_fields(connect: Connect, given: dict[str, Any], url: str) -> None:
    assert connect(**given).account.base_url == url


def test_our_extras_are_never_sent_and_others_are_headers_as_the_provider_has_it(
    connect: Connect, server: Server
) -> None:
    ours = {"auth": "keys", "team_id": "t-1", "token_url": server.url, "calls_per_minute": 9, "connections": 2}
    usage(connect(extra={**ours, "timeout": 3, "x-gateway": "yes"}))
    ((path, headers),) = server.asked
    assert path == "/api/v2/team/usage"
    assert headers["x-gateway"] == "yes"
    assert (headers["x-app-id"], headers["x-api-key"]) == ("hook-app-7", KEY)
    assert not {*ours, "authorization", "timeout"} & headers.keys()


def test_oauth_by_the_connection(connect: Connect, server: Server) -> None:
    usage(connect(extra={"auth": "oauth", "token_url": f"{server.url}/oauth/token"}))
    assert [path for path, _ in server.asked] == ["/oauth/token", "/api/v2/team/usage"]
    headers = server.asked[1][1]
    assert headers["authorization"] == "Bearer hook-token-of-tests"
    assert not {"x-app-id", "x-api-key", "auth", "token_url"} & headers.keys()


def test_sessions_have_the_providers_options_and_adapters_of_their_own(connect: Connect) -> None:
    options = {"verify": "/some/ca.pem", "proxies": {"https": "http://proxy.example:1"}, "cert": "/some/cert.pem",
               "trust_env": False}  # fmt: skip
    hook = connect(extra=options)
    one, other = hook.get_conn(), hook.get_conn()
    assert (one.verify, one.cert, one.trust_env) == ("/some/ca.pem", "/some/cert.pem", False)
    assert one.proxies == {"https": "http://proxy.example:1"}
    assert one.auth is None
    assert one.get_adapter("https://x") is not other.get_adapter("https://x")


@pytest.mark.parametrize(
    ("timeout", "connecting", "reading"), [(7, 7, 7), ([1, 20], 1, 20), (9999, 60, 300), ("2.5", 2.5, 2.5)]
)
def test_timeouts_of_the_connection_go_first_but_stay_bounded(
    connect: Connect, timeout: int | list[int] | str, connecting: float, reading: float
) -> None:
    client = connect(extra={"timeout": timeout}).client(NoLimiter())
    assert client._timeout == (connecting, reading)


def test_without_one_the_settings_timeouts_hold(connect: Connect) -> None:
    assert connect().client(NoLimiter())._timeout == (settings().connect_timeout, settings().read_timeout)


@pytest.mark.parametrize("timeout", ["soon", 0, -1, [1], [1, 2, 3], {"a": 1}])
def test_a_timeout_that_is_none_is_refused(connect: Connect, timeout: str | int | list[int] | dict[str, int]) -> None:
    with pytest.raises(NotConfigured, match=r"extra\.timeout"):
        connect(extra={"timeout": timeout}).client(NoLimiter())


def test_a_missing_connection_is_said_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_NOWHERE", raising=False)
    monkeypatch.setattr(SoundchartsHook, "get_connection", _not_found)
    with pytest.raises(NotConfigured, match="The Airflow connection nowhere is missing"):
        _ = SoundchartsHook("nowhere").account


def _not_found(*_: Any) -> None:
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    raise AirflowNotFoundException("The conn_id `nowhere` isn't defined")


@pytest.mark.parametrize("field", ["host", "login", "password"])
@pytest.mark.parametrize("nothing", ["", None])
def test_a_connection_that_lacks_a_field_says_which(connect: Connect, field: str, nothing: str | None) -> None:
    with pytest.raises(NotConfigured, match=f"connection soundcharts cannot be used: {field}"):
        _ = connect(**{field: nothing}).account


# -- test_connection -----------------------------------------------------------------------------------------


def test_a_good_connection_tests_well_by_a_free_call(connect: Connect, server: Server) -> None:
    assert connect().test_connection() == (
        True, "Soundcharts accepts the credentials. 4,321 calls are left in this billing cycle.",
    )  # fmt: skip
    assert [path for path, _ in server.asked] == ["/api/v2/team/usage"]


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "Soundcharts refuses the credentials."),
        (403, "The credentials are accepted, but not for this."),
        (404, "does not know it"),
        (302, "another address"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(connect: Connect, server: Server, status: int, says: str) -> None:
    server.status, server.body = status, {"errors": [{"key": "access", "code": status, "message": f"No {KEY}."}]}
    good, told = connect().test_connection()
    assert not good
    assert says in told
    assert KEY not in told


def test_an_api_that_is_away_is_no_verdict_on_the_credentials(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARTLINE_CALL_RETRIES", "0")
    settings.cache_clear()
    good, told = connect(host="http://127.0.0.1:1").test_connection()
    settings.cache_clear()
    assert not good
    assert told.startswith("Soundcharts cannot be reached now, so nothing is known of the credentials.")


def test_a_connection_that_cannot_be_used_is_said_without_a_call(connect: Connect, server: Server) -> None:
    good, told = connect(extra={"auth": "magic"}).test_connection()
    assert (good, server.asked) == (False, [])
    assert "extra.auth" in told


@pytest.mark.parametrize("changed", [
    {"host": "http://127.0.0.2.nip.example"}, {"host": "https://collector.example"}, {"host": "collector.example"},
    {"host": "collector.example", "schema": "http", "port": 80},
    {"extra": {"auth": "oauth", "token_url": "https://collector.example/token"}},
])  # fmt: skip
def test_a_changed_host_gets_no_stored_key(
    connect: Connect, server: Server, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]
) -> None:
    def no_request(*_: Any, **__: Any) -> None:
        raise AssertionError("something was sent")

    monkeypatch.setattr("requests.Session.send", no_request)
    good, told = connect(**changed).test_connection()
    assert (good, server.asked) == (False, [])
    assert "host" in told or "extra.token_url" in told
    assert KEY not in told


def test_a_redirect_takes_no_credentials_anywhere(connect: Connect, server: Server) -> None:
    other = Server()
    thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        server.status, server.headers = 302, {"Location": f"{other.url}/api/v2/team/usage"}
        for auth in ("keys", "oauth"):
            good, _ = connect(extra={"auth": auth, "token_url": f"{server.url}/oauth/token"}).test_connection()
            assert not good
        assert other.asked == []
    finally:
        other.shutdown()
        other.server_close()
        thread.join()


# -- secrets ---------------------------------------------------------------------------------------------------


def test_airflows_masker_and_our_logs_hide_what_signs(
    connect: Connect, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    usage(connect(extra={"auth": "oauth", "token_url": f"{server.url}/oauth/token", "team_id": "hook-team-7"}))
    for secret in (KEY, "hook-token-of-tests", "hook-team-7", "hook-app-7"):
        assert secrets_masker.redact(f"of {secret} it") == "of *** it"
        assert secret not in caplog.text
