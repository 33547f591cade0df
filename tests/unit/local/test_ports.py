"""Ports on the loopback."""

from __future__ import annotations

import socket

import pytest

from chartline.local.ports import LOOPBACK, PortTaken, free_port, is_free, require_free


def test_a_port_in_use_is_not_free() -> None:
    with socket.create_server((LOOPBACK, 0)) as busy:
        assert not is_free(busy.getsockname()[1])


def test_a_found_port_is_free() -> None:
    assert is_free(free_port())


def test_what_is_taken_is_said_by_name() -> None:
    with socket.create_server((LOOPBACK, 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(PortTaken) as refused:
            require_free(port, "the web pages", "--port")
    assert f"Port {port}, meant for the web pages" in refused.value.what
    assert "--port" in refused.value.advice


def test_a_free_port_is_no_trouble() -> None:
    require_free(free_port(), "the web pages", "--port")
