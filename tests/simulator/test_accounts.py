from __future__ import annotations

import base64
from typing import Any

import pytest
from fastapi.testclient import TestClient

from simulator.accounts import Accounts
from simulator.answers import ApiError
from simulator.settings import Settings

USAGE = "/api/v2/team/usage"


def basic(pair: str = "demo-client:demo-secret") -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def ask_token(caller: TestClient, headers: dict[str, str] | None = None, **form: str) -> Any:
    return caller.post("/oauth/token", headers=headers or basic(), data={"grant_type": "client_credentials"} | form)


def test_any_key_pair_is_accepted_by_default(anonymous: TestClient) -> None:
    assert anonymous.get(USAGE, headers={"x-app-id": "a", "x-api-key": "b"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-app-id": "a"},
        {"x-api-key": "b"},
        {"x-app-id": "soundcharts", "x-api-key": "wrong"},
        {"authorization": "Bearer nothing"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer nothing", "x-app-id": "a", "x-api-key": "b"},
        {"authorization": "Basic YTpi"},
    ],
)
def test_without_credentials_nothing_is_told(anonymous: TestClient, headers: dict[str, str]) -> None:
    answer = anonymous.get(USAGE, headers=headers)
    assert answer.status_code == 401
    (error,) = answer.json()["errors"]
    assert error["code"] == 401
    assert "not logged in" in error["message"]


def test_a_required_pair_shuts_out_others_but_not_the_sandbox(anonymous: TestClient, configure: Any) -> None:
    configure(key_pairs={"team": "secret"})
    status = {
        pair: anonymous.get(USAGE, headers={"x-app-id": pair[0], "x-api-key": pair[1]}).status_code
        for pair in (("team", "secret"), ("team", "other"), ("else", "secret"), ("soundcharts", "soundcharts"))
    }
    assert list(status.values()) == [200, 401, 401, 200]


def test_a_token_opens_the_api(anonymous: TestClient) -> None:
    grant = ask_token(anonymous).json()
    assert set(grant) == {"access_token", "token_type", "expires_in"}
    assert (grant["token_type"].lower(), grant["expires_in"]) == ("bearer", 3600)
    assert anonymous.get(USAGE, headers={"authorization": f"Bearer {grant['access_token']}"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "form", "status", "error"),
    [
        (basic("demo-client:wrong"), {}, 401, "invalid_client"),
        (basic("nobody:demo-secret"), {}, 401, "invalid_client"),
        ({"authorization": "Basic ???"}, {}, 401, "invalid_client"),
        ({"authorization": "Bearer x"}, {}, 401, "invalid_client"),
        (basic(), {"grant_type": "password"}, 400, "unsupported_grant_type"),
        (basic(), {"team_id": "foreign"}, 400, "invalid_request"),
    ],
)
def test_token_errors_are_in_the_form_of_oauth(
    anonymous: TestClient, headers: dict[str, str], form: dict[str, str], status: int, error: str
) -> None:
    answer = ask_token(anonymous, headers, **form)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.json()["error"] == error


def test_an_account_with_several_teams_must_name_one(anonymous: TestClient, configure: Any) -> None:
    configure(teams=["t1", "t2"])
    assert ask_token(anonymous).status_code == 400
    assert ask_token(anonymous, team_id="t2").status_code == 200
    configure(teams=["t1"])
    assert ask_token(anonymous).status_code == 200


def test_a_token_ends() -> None:
    at = [0.0]
    accounts = Accounts(lambda: at[0])
    settings = Settings(token_seconds=900)
    grant = accounts.grant(basic(), "grant_type=client_credentials", settings)
    bearer = {"authorization": f"Bearer {grant['access_token']}"}
    at[0] = 899.0
    assert accounts.who(bearer, settings).account == "demo-client"
    at[0] = 900.0
    with pytest.raises(ApiError, match="not logged in"):
        accounts.who(bearer, settings)


def test_expires_in_may_be_missing(anonymous: TestClient, configure: Any) -> None:
    configure(oddities=["no_expires_in"])
    assert set(ask_token(anonymous).json()) == {"access_token", "token_type"}
