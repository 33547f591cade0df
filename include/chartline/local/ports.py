"""Ports on this machine's loopback: which is free, and whose it was meant to be when it is not."""

from __future__ import annotations

import socket
import sys

from chartline.errors import AskPerson

LOOPBACK = "127.0.0.1"


class PortTaken(AskPerson):
    """Another program listens on a port that a part of Chartline was given."""

    kind = "port_taken"


def is_free(port: int) -> bool:
    """Whether a server may listen on this port of the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if sys.platform != "win32":  # a port that only lingers from a stopped server is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def require_free(port: int, purpose: str, change: str) -> None:
    """Raise `PortTaken` naming the port, what it is for and what changes it (`change`: an option or variable)."""
    if not is_free(port):
        raise PortTaken(
            f"Port {port}, meant for {purpose}, is taken by another program.",
            advice=f"Stop that program, or choose another port with {change}.",
        )
