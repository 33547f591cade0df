"""Who stands between, told without the login."""

from __future__ import annotations

import os

import pytest

from chartline import proxies


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def test_none() -> None:
    assert proxies.between("https://customer.api.soundcharts.com/") is None


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
def test_without_its_login(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://me:hidden@proxy.intra:3128/")
    assert proxies.between("https://customer.api.soundcharts.com/") == "http://proxy.intra:3128"
    proxies.exempt_this_machine()
    assert proxies.between("https://127.0.0.1:1/") is None
    monkeypatch.delenv("no_proxy")
    monkeypatch.delenv("NO_PROXY")


def test_both_spellings_say_the_same() -> None:
    found = proxies.exempting({"no_proxy": "a, [::1]", "NO_PROXY": "b,a"})
    assert found == dict.fromkeys(("no_proxy", "NO_PROXY"), "a,::1,b,127.0.0.1,localhost")
