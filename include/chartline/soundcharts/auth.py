"""How a request is signed: the two legacy keys, or an OAuth token that all threads share."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from chartline.domain import ranges
from chartline.errors import ChartlineError, CredentialsRefused, CutAnswer, NotConfigured, RateLimited
from chartline.soundcharts import statuses
from chartline.soundcharts.account import CONNECTION, ApiAccount
from chartline.soundcharts.redaction import hide
from chartline.soundcharts.transport import Reply, Timeout, exchange, without_secrets

log = logging.getLogger(__name__)

EARLY = 45.0  # seconds before its end at which a token is renewed
UNSAID_LIFE = 900.0  # seconds: the shortest life seen, for an answer that gives none


class Signature(AuthBase):
    """Puts headers on a request. `repr` shows none; given to every request, so that no .netrc is read either."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request


class Login(Protocol):
    """Gives the signature of the next request."""

    def signature(self, session: requests.Session) -> Signature:
        """The present one. Raises `CredentialsRefused`, or `TryLater` when the token host has trouble."""

    def refused(self, signature: Signature) -> bool:
        """The API answered 401 to it: is there another one to try?"""


class KeyLogin:
    """App id and API key, in headers."""

    def __init__(self, account: ApiAccount) -> None:
        self._signature = Signature({"x-app-id": account.login, "x-api-key": account.password})

    def signature(self, session: requests.Session) -> Signature:
        """Always the same."""
        return self._signature

    def refused(self, signature: Signature) -> bool:
        """There is no other key."""
        return False


class TokenLogin:
    """OAuth client credentials: one token at a time, asked for by one thread, used by all."""

    def __init__(self, account: ApiAccount, timeout: Timeout, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._account, self._timeout, self._clock = account, timeout, clock
        self._lock = threading.Lock()
        self._signature: Signature | None = None
        self._renew_at = -math.inf
        self._refusal = ""

    def signature(self, session: requests.Session) -> Signature:
        """The present token, renewed shortly before its end. A refusal is final: it is not asked for again."""
        with self._lock:
            if self._refusal:
                raise CredentialsRefused(self._refusal, advice=_ADVICE)
            if self._signature is None or self._clock() >= self._renew_at:
                self._signature = self._ask(session)
            return self._signature

    def refused(self, signature: Signature) -> bool:
        """Drops the token, unless another thread has renewed it already."""
        with self._lock:
            if self._signature is signature:
                self._signature = None
        return True

    def _ask(self, session: requests.Session) -> Signature:
        asked = self._clock()
        form = {"grant_type": "client_credentials"}
        if self._account.team_id:
            form["team_id"] = self._account.team_id
        reply = exchange(
            session,
            "POST",
            self._account.token_url,
            auth=HTTPBasicAuth(self._account.login.encode(), self._account.password.encode()),
            timeout=self._timeout,
            data=form,
        )
        if reply.status != 200:  # a good one brings a token, perhaps the one that is hidden already
            reply = without_secrets(reply)
        data = _data(reply)
        if reply.status == 429:  # tokens are not billed, so it is never about the quota
            wait = statuses.waiting_time(reply.headers) or statuses.UNSAID_WAIT
            raise RateLimited("The token endpoint of Soundcharts asks to wait.", after=wait)
        if error := statuses.judge(reply.status, reply.headers, data, "a token"):
            raise self._named(error)
        token, life = self._read(data)
        self._renew_at = asked + max(life - EARLY, life / 2)
        log.debug("token renewed, good for %.0f s", life)
        return Signature({"Authorization": f"Bearer {token}"})

    def _named(self, error: ChartlineError) -> ChartlineError:
        """Trouble of the token host stays what it is; any other answer means that the credentials are refused."""
        if isinstance(error, (*statuses.RETRIED, NotConfigured)):
            return error
        self._refusal = f"The token endpoint refused the connection {CONNECTION}: {error.what}"
        return CredentialsRefused(self._refusal, advice=_ADVICE)

    def _read(self, data: Any) -> tuple[str, float]:
        if data is None:
            raise CutAnswer("The answer with the Soundcharts token ended early or is not JSON.")
        token = data.get("access_token") if isinstance(data, dict) else None
        kind = str(data.get("token_type") or "bearer").lower() if isinstance(data, dict) else ""
        if (
            not isinstance(token, str)
            or not token.isascii()
            or not token.isprintable()
            or not token
            or kind != "bearer"
        ):
            self._refusal = f"The token endpoint of the connection {CONNECTION} answered without a bearer token."
            raise CredentialsRefused(self._refusal, advice="Correct extra.token_url of the connection.")
        hide(token)
        return token, _life(data.get("expires_in"))


_ADVICE = f"Correct login, password and team_id of the connection {CONNECTION}."


def _data(reply: Reply) -> Any:
    """The body as JSON, None when it is cut or none."""
    try:
        return None if reply.cut else statuses.decode(reply.body)
    except ValueError:
        return None


def _life(value: object) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        return UNSAID_LIFE
    return ranges.TOKEN_LIFE.clamp(seconds) if math.isfinite(seconds) and seconds > 0 else UNSAID_LIFE


def login_of(account: ApiAccount, timeout: Timeout) -> Login:
    """The login that the account asks for."""
    return TokenLogin(account, timeout) if account.auth == "oauth" else KeyLogin(account)
