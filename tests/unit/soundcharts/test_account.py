"""From a connection to an account: what is understood, what is refused by field, and what never shows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chartline.errors import NotConfigured
from chartline.settings import settings
from chartline.soundcharts.account import VENDOR_TOKEN_URL, ApiAccount

HOST = "https://customer.api.soundcharts.com"


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets the hosts that the settings name."""

    def name(hosts: str) -> None:
        monkeypatch.setenv("CHARTLINE_API_HOSTS", hosts)
        settings.cache_clear()

    yield name
    monkeypatch.undo()
    settings.cache_clear()


def test_defaults() -> None:
    account = ApiAccount.from_connection(HOST, "an-app", "a-key")
    assert account.base_url == HOST
    assert (account.auth, account.token_url, account.team_id) == ("keys", VENDOR_TOKEN_URL, "")
    assert (account.calls_per_minute, account.connections) == (5000, 12)


def test_all_extras_as_airflow_hands_them_on(allowed: Callable[[str], None]) -> None:
    allowed("other.example")
    extra = {"auth": "oauth", "token_url": "https://other.example/token", "team_id": 12, "calls_per_minute": "900"}
    for given in (extra, json.dumps(extra)):
        account = ApiAccount.from_connection(HOST, "an-id", "a-secret", given)
        assert (account.auth, account.token_url, account.team_id) == ("oauth", "https://other.example/token", "12")
        assert account.calls_per_minute == 900


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "https://127.0.0.1:8000/", "HTTPS://127.0.0.1:8000"])
def test_the_scheme_is_https_unless_given_and_no_slash_stays(host: str) -> None:
    assert ApiAccount.from_connection(host, "a", "b").base_url == "https://127.0.0.1:8000"


def test_tokens_of_another_host_are_not_asked_at_the_vendor(allowed: Callable[[str], None]) -> None:
    allowed("http://simulator:8000")
    account = ApiAccount.from_connection("http://simulator:8000", "a", "b", {"auth": "oauth"})
    assert account.token_url == "http://simulator:8000/oauth/token"


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("host", {"host": ""}),
        ("host", {"host": None}),
        ("host", {"host": "ftp://somewhere"}),
        ("host", {"host": "https://:80"}),
        ("host", {"host": "https://a:port"}),
        ("host", {"host": "https://user:hidden-value@host"}),
        ("host", {"host": "https://host?key=hidden-value"}),
        ("host", {"host": "http://customer.api.soundcharts.com"}),
        ("login", {"login": ""}),
        ("login", {"login": None}),
        ("password", {"password": ""}),
        ("password", {"password": "hidden-value\nx"}),  # pragma: allowlist secret
        ("extra.auth", {"extra": {"auth": "hidden-value"}}),
        ("extra.token_url", {"extra": {"token_url": "nowhere"}}),
        ("extra.token_url", {"extra": {"token_url": "http://account.soundcharts.com/oauth/token"}}),
        ("extra.calls_per_minute", {"extra": {"calls_per_minute": 0}}),
        ("extra.calls_per_minute", {"extra": {"calls_per_minute": 10**9}}),
        ("extra.calls_per_minute", {"extra": {"calls_per_minute": "9" * 5000}}),
        ("extra.calls_per_minute", {"extra": {"calls_per_minute": 1e300}}),
        ("extra.connections", {"extra": {"connections": "hidden-value"}}),
        ("extra.connections", {"extra": {"connections": 65}}),
        ("extra", {"extra": '{"auth": "hidden-value"'}),
        ("extra", {"extra": "[]"}),
    ],
)
def test_what_cannot_be_used_is_refused_by_field_and_without_its_value(field: str, given: Any) -> None:
    connection = {"host": HOST, "login": "an-app", "password": "a-key", "extra": None} | given
    with pytest.raises(NotConfigured, match="connection soundcharts") as refused:
        ApiAccount.from_connection(**connection)
    assert field in str(refused.value)
    assert "hidden-value" not in str(refused.value)
    assert refused.value.advice


def test_credentials_are_taken_without_the_blanks_of_copying() -> None:
    account = ApiAccount.from_connection(HOST, " an-app\n", "\ta-key ")
    assert (account.login, account.password) == ("an-app", "a-key")


def test_repr_shows_no_credential_and_the_name_no_secret() -> None:
    account = ApiAccount.from_connection(HOST, "an-app", "a-key", {"team_id": "a-team"})
    assert not any(secret in repr(account) for secret in ("an-app", "a-key", "a-team"))
    assert account.name == "customer.api.soundcharts.com/an-app"


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "http", "host": "http://127.0.0.1", "port": 8000, "login": "a", "password": "b",
                  "extra": {"connections": 3}}  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_SOUNDCHARTS", json.dumps(connection))
    account = ApiAccount.from_environment()
    assert (account.base_url, account.login, account.connections) == ("http://127.0.0.1:8000", "a", 3)


@pytest.mark.parametrize("text", ["", "http://hidden-value@host", '"hidden-value"', '{"host": '])
def test_an_environment_that_says_nothing_usable(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SOUNDCHARTS", text)
    with pytest.raises(NotConfigured, match="AIRFLOW_CONN_SOUNDCHARTS") as refused:
        ApiAccount.from_environment()
    assert "hidden-value" not in str(refused.value)


# -- where credentials may go ------------------------------------------------------------------------------------

ODD = [
    "https://collector.example",
    "http://collector.example",
    "https://customer.api.soundcharts.com.collector.example",
    "https://evilsoundcharts.com",
    "https://customer.api.soundcharts.com#.collector.example",
    "https://customer.api.soundcharts.com#",
    "https://customer.api.soundcharts.com?",
    "https://customer.api.soundcharts.com@collector.example",
    "https://a:b@customer.api.soundcharts.com",
    "https://@customer.api.soundcharts.com",
    "https://collector.example\\.soundcharts.com",
    "https://customer.api.soundcharts.com:8443",
    "https://customer.api.soundcharts.com:0",
    "https://customer.api.soundcharts.com:",
    "https://customer.api.soundcharts.com:99999",
    "https://customer.api.soundcharts.com/../x",
    "https://customer.api.soundcharts.com//x",
    "https://customer.api.soundcharts.com;x",
    "https://customer.api.soundcharts.com/%2e",
    "https://cust omer.api.soundcharts.com",
    "https://cust\tomer.api.soundcharts.com",
    "https://customer.api.soundcharts.com\n",
    " https://customer.api.soundcharts.com",
    "https://customer.api.ſoundcharts.com",
    "https://customer.api.soundcharts.com.",
    "https:/customer.api.soundcharts.com",
    "https:///customer.api.soundcharts.com",
    "http://localhost.collector.example",
    "http://2130706433",
    "http://0x7f.1",
    "http://[::2]",
    "http://[1:2",
    "http://10.0.0.7",
    "//customer.api.soundcharts.com",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("address", ODD)
def test_credentials_go_nowhere_else_nor_to_an_odd_address(address: str) -> None:
    for host, extra in ((address, None), (HOST, {"auth": "oauth", "token_url": address})):
        with pytest.raises(NotConfigured, match=r"host|extra\.token_url") as refused:
            ApiAccount.from_connection(host, "an-app", "a-key", extra)
        assert refused.value.advice


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("customer.api.soundcharts.com", HOST),
        ("HTTPS://Customer.API.soundcharts.com:443/", HOST),
        ("http://localhost:8085", "http://localhost:8085"),
        ("http://127.0.0.9", "http://127.0.0.9"),
        ("http://[::1]:8085/base/", "http://[::1]:8085/base"),
        ("https://gateway.example/soundcharts", "https://gateway.example/soundcharts"),
        ("https://gateway.example:8443", "https://gateway.example:8443"),
        ("http://simulator:8085", "http://simulator:8085"),
    ],
)
def test_the_vendor_this_machine_and_the_hosts_of_the_settings_are_good(
    allowed: Callable[[str], None], address: str, url: str
) -> None:
    allowed("gateway.example, https://gateway.example:8443,http://simulator:8085")
    assert ApiAccount.from_connection(address, "an-app", "a-key").base_url == url


@pytest.mark.parametrize("address", ["http://gateway.example", "https://gateway.example:1", "https://simulator:8085"])
def test_a_host_of_the_settings_is_good_as_it_stands_there_only(allowed: Callable[[str], None], address: str) -> None:
    allowed("gateway.example,http://simulator:8085")
    with pytest.raises(NotConfigured):
        ApiAccount.from_connection(address, "an-app", "a-key")
