"""Where a local installation gets its data: the simulator, or Soundcharts with the credentials in the environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from chartline.errors import NotConfigured

API = "https://customer.api.soundcharts.com"
TOKENS = "https://account.soundcharts.com/oauth/token"
KEYS = ("SOUNDCHARTS_APP_ID", "SOUNDCHARTS_API_KEY")
OAUTH = ("SOUNDCHARTS_CLIENT_ID", "SOUNDCHARTS_CLIENT_SECRET", "SOUNDCHARTS_TEAM_ID")


@dataclass(frozen=True, repr=False)
class Source:
    """`kind`: `simulator` or `soundcharts`; `connection`: the Airflow connection as JSON (secret)."""

    kind: str
    connection: str

    def __repr__(self) -> str:
        return f"Source({self.kind!r})"

    @property
    def env(self) -> dict[str, str]:
        """The variable by which tasks and the command line get the connection `soundcharts`."""
        return {"AIRFLOW_CONN_SOUNDCHARTS": self.connection}


def from_environment(env: Mapping[str, str]) -> Source | None:
    """Soundcharts, when the environment holds one whole set of credentials; None when it holds none.

    Raises `NotConfigured`, naming what is missing, for a part of a set, and for both sets at once.
    """
    keys, oauth = _given(env, KEYS), _given(env, OAUTH)
    if keys and oauth:
        raise NotConfigured(
            f"Two kinds of Soundcharts credentials are set: {', '.join([*keys, *oauth])}.",
            advice=f"Keep one: {_all(KEYS)}, or {_all(OAUTH)}; unset the others.",
        )
    for wanted, given in ((KEYS, keys), (OAUTH, oauth)):
        if given and len(given) < len(wanted):
            missing = [name for name in wanted if name not in given]
            raise NotConfigured(
                f"The Soundcharts credentials are incomplete: {_all(given)} set, {_all(missing)} missing.",
                advice=f"Set {_all(missing)} too, or unset {_all(given)} to use the simulator.",
            )
    if keys:
        return Source("soundcharts", _connection(API, env[KEYS[0]], env[KEYS[1]], auth="keys"))
    if oauth:
        more = {"auth": "oauth", "token_url": TOKENS, "team_id": env[OAUTH[2]]}
        return Source("soundcharts", _connection(API, env[OAUTH[0]], env[OAUTH[1]], **more))
    return None


def simulated(url: str, login: str, password: str, **extra: object) -> Source:
    """The simulator at `url`. `extra`: more of the connection's extra (`auth`, `calls_per_minute`, …)."""
    return Source("simulator", _connection(url, login, password, **({"auth": "keys"} | extra)))


def _connection(host: str, login: str, password: str, **extra: object) -> str:
    return json.dumps({"conn_type": "soundcharts", "host": host, "login": login, "password": password, "extra": extra})


def _given(env: Mapping[str, str], names: tuple[str, ...]) -> list[str]:
    return [name for name in names if env.get(name, "").strip()]


def _all(names: list[str] | tuple[str, ...]) -> str:
    return " and ".join(names)
