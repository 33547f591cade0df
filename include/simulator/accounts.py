"""Who is calling: legacy key pairs, OAuth clients and their tokens."""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from simulator.answers import ApiError, Json
from simulator.settings import Settings

_SANDBOX = "soundcharts"


class OAuthError(Exception):
    """A refusal of the token endpoint, answered in OAuth's own form."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status, self.error, self.description = status, error, description

    def body(self) -> Json:
        """The error in OAuth's form."""
        return {"error": self.error, "error_description": self.description}


@dataclass(frozen=True, slots=True)
class Caller:
    """An account that proved itself; `token` is set when it did so with a bearer token."""

    account: str
    token: str | None = None


def _unauthorized() -> ApiError:
    return ApiError(401, "auth", "You are not logged in.")


class Accounts:
    """Checks credentials, hands out tokens and remembers these for their life (in real time)."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._tokens: dict[str, tuple[str, float]] = {}

    def who(self, headers: Mapping[str, str], settings: Settings) -> Caller:
        """The caller of an API request; 401 when it cannot be told. A bearer token goes before legacy keys."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            account, ends = self._tokens.get(token.strip(), ("", 0.0))
            if not account or self._now() >= ends:
                raise _unauthorized()
            return Caller(account, token.strip())
        app_id, key = headers.get("x-app-id", ""), headers.get("x-api-key", "")
        if not app_id or not key or not self._pair_is_good(app_id, key, settings):
            raise _unauthorized()
        return Caller(app_id)

    @staticmethod
    def _pair_is_good(app_id: str, key: str, settings: Settings) -> bool:
        if app_id == _SANDBOX:
            return key == _SANDBOX
        return settings.key_pairs is None or settings.key_pairs.get(app_id) == key

    def expire(self, token: str) -> None:
        """End a token's life now."""
        self._tokens.pop(token, None)

    def grant(self, headers: Mapping[str, str], body: str, settings: Settings) -> Json:
        """A new access token for client credentials given by HTTP Basic; `OAuthError` otherwise."""
        client = self._client(headers, settings)
        form = dict(parse_qsl(body))
        if form.get("grant_type") != "client_credentials":
            raise OAuthError(400, "unsupported_grant_type", "grant_type must be client_credentials.")
        team = form.get("team_id", "")
        if team and team not in settings.teams:
            raise OAuthError(400, "invalid_request", "team_id is unknown or not a team of this account.")
        if not team and len(settings.teams) > 1:
            raise OAuthError(400, "invalid_request", "This account has several teams; send team_id.")
        now = self._now()
        self._tokens = {known: kept for known, kept in self._tokens.items() if kept[1] > now}
        token = secrets.token_urlsafe(32)
        self._tokens[token] = (client, now + settings.token_seconds)
        return {"access_token": token, "token_type": "Bearer", "expires_in": settings.token_seconds}

    @staticmethod
    def _client(headers: Mapping[str, str], settings: Settings) -> str:
        scheme, _, code = headers.get("authorization", "").partition(" ")
        try:
            client, _, secret = base64.b64decode(code, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            client = secret = ""
        if scheme.lower() != "basic" or not client or settings.oauth_clients.get(client) != secret:
            raise OAuthError(401, "invalid_client", "Client authentication failed.")
        return client
