"""OAuth tokens: asked for once, shared, renewed early and once after a 401; refusals that stop."""

from __future__ import annotations

import base64
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from chartline.errors import (
    ChartlineError,
    CredentialsRefused,
    NetworkTrouble,
    RateLimited,
    RequestRefused,
    ServerTrouble,
)
from chartline.soundcharts import endpoints
from chartline.soundcharts.account import ApiAccount
from chartline.soundcharts.auth import TokenLogin
from chartline.soundcharts.client import SoundchartsClient

from .conftest import Clients, LocalApi, Said

UUID = "00000001-0000-4000-8000-000000000000"


class OAuthApi:
    """Grants numbered tokens and lets only the newest ones in."""

    def __init__(self, api: Any) -> None:
        self.granted = 0
        self.refused: set[str] = set()
        self.grant: dict[str, Any] = {"token_type": "bearer", "expires_in": 3600}
        self.refuses_all = False
        api.answers(self)

    def __call__(self, asked: Any) -> Any:
        if asked.bare_path == "/oauth/token":
            self.granted += 1
            return Said({"access_token": f"token-number-{self.granted}"} | self.grant)
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self.refuses_all or token in self.refused or not token.startswith("token-number-"):
            return Said({"errors": [{"code": 401, "message": "You are not logged in."}]}, status=401)
        return Said({"items": []})


@pytest.fixture
def oauth(api: LocalApi) -> OAuthApi:
    return OAuthApi(api)


@pytest.fixture
def client(client_of: Clients, api: LocalApi) -> SoundchartsClient:
    return client_of(auth="oauth", token_url=f"{api.url}/oauth/token")


def token_requests(api: Any) -> list[Any]:
    return [asked for asked in api.asked if asked.bare_path == "/oauth/token"]


def test_a_token_is_asked_by_basic_login_and_form_then_borne(
    api: LocalApi, oauth: OAuthApi, client: SoundchartsClient
) -> None:
    answer = client.get(endpoints.SONG, UUID)
    asked, song = api.asked
    pair = base64.b64encode(b"app-7-of-tests:key-of-tests").decode()
    assert (asked.method, asked.headers["authorization"]) == ("POST", f"Basic {pair}")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.body == "grant_type=client_credentials"
    assert song.headers["authorization"] == "Bearer token-number-1"
    assert not {"x-app-id", "x-api-key"} & song.headers.keys()
    assert len(answer.calls) == 1, "a token is not a call"


def test_the_team_goes_along(api: LocalApi, oauth: OAuthApi, client_of: Clients) -> None:
    client_of(auth="oauth", token_url=f"{api.url}/oauth/token", team_id="team 7").get(endpoints.SONG, UUID)
    assert api.asked[0].body == "grant_type=client_credentials&team_id=team+7"


def test_many_threads_share_one_token_and_one_renewal(
    api: LocalApi, oauth: OAuthApi, client: SoundchartsClient
) -> None:
    together = threading.Barrier(8)

    def ask(_: int) -> int:
        together.wait(10)
        return len(client.get(endpoints.SONG, UUID).calls)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [1] * 8
        assert oauth.granted == 1
        oauth.refused.add("token-number-1")
        calls = list(pool.map(ask, range(8)))
    assert oauth.granted == 2
    assert set(calls) <= {1, 2}


def test_a_401_renews_once(api: LocalApi, oauth: OAuthApi, client: SoundchartsClient) -> None:
    client.get(endpoints.SONG, UUID)
    oauth.refused.add("token-number-1")
    answer = client.get(endpoints.SONG, UUID)
    assert [(call.status, call.error_kind) for call in answer.calls] == [(401, "credentials_refused"), (200, None)]
    assert oauth.granted == 2


def test_a_second_401_is_final(api: LocalApi, oauth: OAuthApi, client: SoundchartsClient) -> None:
    oauth.refuses_all = True
    with pytest.raises(CredentialsRefused, match="connection soundcharts") as refused:
        client.get(endpoints.SONG, UUID)
    assert [call.status for call in refused.value.calls] == [401, 401]
    assert oauth.granted == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusing_token_endpoint_stops_all_threads_after_one_request(
    api: LocalApi, client: SoundchartsClient, status: int
) -> None:
    body = {"error": "invalid_client", "error_description": "Unknown client app-7-of-tests."}
    api.says(Said(body, status=status))
    for _ in range(3):
        with pytest.raises(CredentialsRefused, match="connection soundcharts") as refused:
            client.get(endpoints.SONG, UUID)
        assert "invalid_client" in str(refused.value)
        assert "app-7-of-tests" not in str(refused.value)
        assert refused.value.calls == ()
    assert len(api.asked) == 1


def test_a_token_endpoint_that_limits_is_waited_for(
    api: LocalApi, client: SoundchartsClient, client_of: Clients
) -> None:
    limited = Said({"error": "slow_down"}, status=429, headers={"retry-after": "5"})
    granted = Said({"access_token": "token-number-1", "expires_in": 900})
    api.says(limited, granted, Said({"items": []}))
    assert client.get(endpoints.SONG, UUID).data == {"items": []}
    assert len(client_of.slept) == 1


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"status": 503, "body": b"<html>"}, ServerTrouble),
        ({"drop": True}, NetworkTrouble),
        ({"status": 429, "body": {}, "headers": {"retry-after": "300"}}, RateLimited),
    ],
)
def test_trouble_of_the_token_host_is_passing(
    api: LocalApi, client: SoundchartsClient, said: dict[str, Any], error: type[ChartlineError]
) -> None:
    api.says(Said(**said))
    with pytest.raises(error):
        client.get(endpoints.SONG, UUID)
    api.says(Said({"access_token": "token-number-1"}), Said({"items": []}))
    if error is not RateLimited:
        assert client.get(endpoints.SONG, UUID).data == {"items": []}


@pytest.mark.parametrize("cut", [{"cut": 5}, {"body": b"<html>hello</html>"}])
def test_a_cut_token_is_asked_again(api: LocalApi, client: SoundchartsClient, cut: dict[str, Any]) -> None:
    good = {"access_token": "token-number-1"}
    api.says(Said(**({"body": good} | cut)), Said(good), Said({"items": []}))
    assert client.get(endpoints.SONG, UUID).data == {"items": []}


@pytest.mark.parametrize(
    "body",
    [{}, [], "token", {"access_token": None}, {"access_token": ""}, {"access_token": "a\nb"}, {"access_token": 7},
     {"access_token": "abc", "token_type": "mac"}],
)  # fmt: skip
def test_an_answer_without_a_bearer_token_is_a_refusal(api: LocalApi, client: SoundchartsClient, body: Any) -> None:
    api.says(Said(body))
    with pytest.raises(CredentialsRefused, match="without a bearer token"):
        client.get(endpoints.SONG, UUID)


@pytest.mark.parametrize(
    ("life", "kept"),
    [
        (3600, 3555),
        (900, 855),
        (60, 30),
        ("1800", 1755),
        (None, 855),
        ("soon", 855),
        (-5, 855),
        ("inf", 855),
        (0.001, 30),
        (10**12, 86_355),
        ("9" * 400, 855),
    ],
)
def test_a_token_is_renewed_45_seconds_early_by_what_the_answer_says(
    api: LocalApi, oauth: OAuthApi, life: str | float | None, kept: int
) -> None:
    oauth.grant = {"token_type": "Bearer", "expires_in": life}
    now = [1000.0]
    account = ApiAccount(api.url, "app-7-of-tests", "key-of-tests", "oauth", f"{api.url}/oauth/token")
    login = TokenLogin(account, (2, 2), clock=lambda: now[0])
    with requests.Session() as session:
        login.signature(session)
        now[0] += kept - 1
        login.signature(session)
        assert oauth.granted == 1
        now[0] += 1
        login.signature(session)
    assert oauth.granted == 2


def test_no_log_shows_a_token_or_a_secret(
    api: LocalApi, oauth: OAuthApi, client: SoundchartsClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client.get(endpoints.SONG, UUID)
    logging.getLogger("chartline.soundcharts.client").debug("leaking %s", "token-number-1")
    logging.getLogger("urllib3.connectionpool").debug("leaking %s", "key-of-tests")
    assert caplog.text.count("leaking ***") == 2
    assert "token-number-1" not in caplog.text
    assert base64.b64encode(b"app-7-of-tests:key-of-tests").decode() not in caplog.text


def test_a_token_that_an_answer_repeats_is_not_kept(api: LocalApi, oauth: OAuthApi, client: SoundchartsClient) -> None:
    def echo(asked: Any) -> Any:
        if asked.bare_path == "/oauth/token":
            return oauth(asked)
        return Said({"errors": [{"code": 400, "message": "no"}], "asked": asked.headers}, status=400)

    api.answers(echo)
    with pytest.raises(RequestRefused) as refused:
        client.get(endpoints.SONG, UUID)
    assert b"Bearer ***" in refused.value.body
    assert b"token-number" not in refused.value.body
