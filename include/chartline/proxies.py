"""Proxies: this machine is never asked of one, whatever the environment says, and who stands between is told."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

LOOPBACK = ("127.0.0.1", "localhost", "::1")
NAMES = ("no_proxy", "NO_PROXY")
"""Programs differ in which they read; where both are set, most take the first and pass over the second."""


def exempting(env: Mapping[str, str]) -> dict[str, str]:
    """What `env` exempts from its proxies in either spelling, and this machine: the same in both."""
    given = [part.strip().strip("[]") for name in NAMES for part in env.get(name, "").split(",")]
    return dict.fromkeys(NAMES, ",".join(dict.fromkeys([*filter(None, given), *LOOPBACK])))


def exempt_this_machine(env: MutableMapping[str, str] = os.environ) -> None:
    """For this process and those it starts."""
    env.update(exempting(env))


def between(url: str) -> str | None:
    """The proxy that this process would ask for `url`, without its login; None for none."""
    proxy = select_proxy(url, get_environ_proxies(url))
    if not proxy:
        return None
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
