"""Who asks: base url, credentials and limits of one Soundcharts account."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from chartline.domain import addresses, ranges
from chartline.domain.addresses import Address
from chartline.domain.ranges import Bounds
from chartline.errors import NotConfigured
from chartline.settings import settings

CONNECTION = "soundcharts"
ENVIRONMENT = "AIRFLOW_CONN_SOUNDCHARTS"
OUR_EXTRAS = ("auth", "token_url", "team_id", "calls_per_minute", "connections")

VENDOR_TOKEN_URL = "https://account.soundcharts.com/oauth/token"  # noqa: S105 - an address, not a token


@dataclass(frozen=True, slots=True)
class ApiAccount:
    """One account. `login` and `password` are app id and API key (`keys`) or client id and secret (`oauth`).

    `calls_per_minute` is the account's limit, `connections` how many a task keeps open. `repr` shows no credential.
    """

    base_url: str
    login: str = field(repr=False)
    password: str = field(repr=False)
    auth: Literal["keys", "oauth"] = "keys"
    token_url: str = VENDOR_TOKEN_URL
    team_id: str = field(default="", repr=False)
    calls_per_minute: int = 5000
    connections: int = 12

    @property
    def name(self) -> str:
        """What the limiter keys on: host and login. Holds no secret."""
        return f"{urlsplit(self.base_url).netloc}/{self.login}"

    @classmethod
    def from_connection(
        cls, host: str | None, login: str | None, password: str | None, extra: Mapping[str, Any] | str | None = None
    ) -> ApiAccount:
        """The account that the Airflow connection `soundcharts` describes.

        `host` and `token_url` must be such that credentials may go there (addresses.py). Raises `NotConfigured`, which
        says which field of the connection is missing or wrong; never its value when that could be a secret.
        """
        extras = _extras(extra)
        login, password = (login or "").strip(), (password or "").strip()
        if not login or not password:
            missing = "login" if not login else "password"
            raise _wrong(
                missing, "is empty", "Login and password are app id and API key, or OAuth client id and secret."
            )
        for name, value in (("login", login), ("password", password)):
            if not value.isascii() or not value.isprintable():
                raise _wrong(name, "holds a character that no credential has", "Copy it again, on one line.")
        base_url = _base_url(host)
        auth = str(extras.get("auth") or "keys")
        if auth not in ("keys", "oauth"):
            raise _wrong("extra.auth", "is neither keys nor oauth", "Set it to one of the two.")
        return cls(
            base_url=base_url.url,
            login=login,
            password=password,
            auth=cast('Literal["keys", "oauth"]', auth),
            token_url=_token_url(extras.get("token_url"), base_url),
            team_id=str(extras.get("team_id") or ""),
            calls_per_minute=_count(extras, "calls_per_minute", settings().calls_per_minute, ranges.CALLS_PER_MINUTE),
            connections=_count(extras, "connections", settings().connections, ranges.CONNECTIONS),
        )

    @classmethod
    def from_environment(cls) -> ApiAccount:
        """The account of the variable `AIRFLOW_CONN_SOUNDCHARTS` (JSON, as Airflow reads it).

        Raises `NotConfigured` when it is missing, is not JSON, or describes no usable account.
        """
        text = os.environ.get(ENVIRONMENT, "")
        if not text:
            raise NotConfigured(
                f"The Soundcharts account is not set: {ENVIRONMENT} is empty.",
                advice="Set it to the connection as JSON, or start with bin/up, which sets it.",
            )
        connection = _object(text, ENVIRONMENT)
        host = str(connection.get("host") or "")
        if connection.get("port"):
            host = f"{host.rstrip('/')}:{connection['port']}"
        return cls.from_connection(host, connection.get("login"), connection.get("password"), connection.get("extra"))


def _wrong(field_name: str, what: str, advice: str) -> NotConfigured:
    return NotConfigured(f"The connection {CONNECTION} cannot be used: {field_name} {what}.", advice=advice)


def _object(text: str, where: str) -> dict[str, Any]:
    """A JSON object, or `NotConfigured` without the text: it holds credentials."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise NotConfigured(f"{where} is not a JSON object.", advice="Write it as JSON, as README shows.")
    return value


def _extras(extra: Mapping[str, Any] | str | None) -> Mapping[str, Any]:
    if isinstance(extra, str):
        return _object(extra, f"The extra of the connection {CONNECTION}") if extra.strip() else {}
    return extra or {}


def _address(field_name: str, text: str) -> Address:
    """An address that credentials may go to."""
    try:
        address = Address.read(text)
        addresses.check(address, settings().api_hosts)
    except addresses.Unusable as wrong:
        raise _wrong(field_name, wrong.why, wrong.advice) from None
    return address


def _base_url(host: str | None) -> Address:
    """Scheme, host, port and perhaps a path; https where no scheme is given."""
    if not host:
        raise _wrong("host", "is empty", "It is the base url of the API, with https://.")
    return _address("host", host)


def _token_url(given: object, base_url: Address) -> str:
    """Where tokens are asked: as given, else Soundcharts' own, else the host that is asked itself (the simulator)."""
    if given:
        return _address("extra.token_url", str(given)).url
    return VENDOR_TOKEN_URL if base_url.is_vendor else f"{base_url.url}/oauth/token"


def _count(extras: Mapping[str, Any], name: str, default: int, within: Bounds) -> int:
    value = extras.get(name)
    if value in (None, ""):
        return default
    text = str(value)
    count = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
    if not within.holds(count):
        raise _wrong(f"extra.{name}", f"is not a whole number from {within}", "Correct it or leave it out.")
    return count
