"""Credentials: a whole set, or none."""

from __future__ import annotations

import json

import pytest

from chartline.errors import NotConfigured
from chartline.local.source import KEYS, OAUTH, from_environment, simulated
from chartline.soundcharts.account import ApiAccount

ALL_KEYS = {name: f"value-of-{name}" for name in KEYS}
ALL_OAUTH = {name: f"value-of-{name}" for name in OAUTH}


def account(connection: str) -> ApiAccount:
    """As tasks see it."""
    given = json.loads(connection)
    return ApiAccount.from_connection(given["host"], given["login"], given["password"], given["extra"])


def test_none_means_the_simulator() -> None:
    assert from_environment({}) is None
    assert from_environment(dict.fromkeys((*KEYS, *OAUTH), " ")) is None


def test_keys() -> None:
    source = from_environment(ALL_KEYS)
    assert source is not None
    assert source.kind == "soundcharts"
    found = account(source.env["AIRFLOW_CONN_SOUNDCHARTS"])
    assert (found.auth, found.login, found.password) == ("keys", *ALL_KEYS.values())
    assert found.base_url.startswith("https://customer.api.soundcharts.com")


def test_oauth() -> None:
    source = from_environment(ALL_OAUTH)
    assert source is not None
    found = account(source.connection)
    assert (found.auth, found.login, found.password, found.team_id) == ("oauth", *ALL_OAUTH.values())
    assert found.token_url == "https://account.soundcharts.com/oauth/token"


@pytest.mark.parametrize("wanted", [KEYS, OAUTH])
def test_a_part_of_a_set_is_refused_by_name(wanted: tuple[str, ...]) -> None:
    for missing in wanted:
        env = {name: "given" for name in wanted if name != missing}
        with pytest.raises(NotConfigured) as refused:
            from_environment(env)
        assert f"{missing} missing" in refused.value.what
        assert "given" not in refused.value.what


def test_both_sets_are_refused() -> None:
    with pytest.raises(NotConfigured, match="Two kinds"):
        from_environment(ALL_KEYS | ALL_OAUTH)


def test_the_simulator_s_connection_can_be_read() -> None:
    source = simulated("http://127.0.0.1:8085", "soundcharts", "soundcharts", calls_per_minute=100)
    found = account(source.connection)
    assert (source.kind, found.base_url, found.calls_per_minute) == ("simulator", "http://127.0.0.1:8085", 100)


def test_repr_shows_no_credential() -> None:
    assert "value-of" not in repr(from_environment(ALL_KEYS))
