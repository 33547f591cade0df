"""A connection pooler for tests, strict as PgBouncer is by default and forgetful as one in transaction pooling.

It refuses start-up parameters that it does not know, tells of a process that no server has, and after each transaction
all that the session held is gone (settings, prepared statements, temporary tables, advisory locks), as the next one may
be another server's; but for the time zone and the application's name, which poolers carry along.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

KNOWN = {"user", "database", "client_encoding", "datestyle", "timezone", "application_name"}
SSL, CANCEL = 80877103, 80877102


class Pooler:
    """Listens on the loopback before the server of `url`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.port
        self._server = (parts.hostname or "127.0.0.1", parts.port)
        self._door = socket.create_server(("127.0.0.1", 0))
        login = parts.netloc.rpartition("@")[0]
        self.url = urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{self._door.getsockname()[1]}"))
        self.refused: list[str] = []
        self.transactions = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Take no more clients."""
        self._door.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError, EOFError):
            start = _startup(client)
            if start is None:
                return
            names = start[8:].split(b"\0")[:-2:2]
            unknown = [name.decode() for name in names if name.decode().lower() not in KNOWN]
            if unknown:
                self.refused += unknown
                text = f"unsupported startup parameter: {unknown[0]}"
                client.sendall(_message(b"E", f"SFATAL\0C08P01\0M{text}\0\0".encode()))
                return
            with socket.create_connection(self._server) as server:
                server.sendall(start)
                forth = threading.Thread(target=_pump, args=(client, server), daemon=True)
                forth.start()
                self._back(server, client)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        """Answers to the client; at the end of a transaction, before the client hears of it, the session is emptied."""
        carried: dict[bytes, bytes] = {}
        begun = False
        while True:
            kind, body = _read(server)
            if kind == b"S":
                name, value, _ = body.split(b"\0")
                carried[name] = value
            if kind == b"K":
                body = struct.pack("!i", 2_000_000_000) + body[4:]
            if kind == b"Z":
                if begun and body == b"I":
                    self.transactions += 1
                    zone = carried[b"TimeZone"].decode()
                    for statement in ("discard all", f"set timezone = '{zone}'"):
                        _ask(server, statement)
                begun = True
            client.sendall(_message(kind, body))


@contextmanager
def pooling(url: str) -> Iterator[Pooler]:
    """A pooler before the server of `url`, for a while."""
    pooler = Pooler(url)
    try:
        yield pooler
    finally:
        pooler.close()


def _startup(client: socket.socket) -> bytes | None:
    while True:
        length = _exactly(client, 4)
        packet = length + _exactly(client, struct.unpack("!i", length)[0] - 4)
        code = struct.unpack("!i", packet[4:8])[0]
        if code == CANCEL:
            return None
        if code != SSL:
            return packet
        client.sendall(b"N")


def _ask(server: socket.socket, statement: str) -> None:
    server.sendall(_message(b"Q", statement.encode() + b"\0"))
    while True:
        kind, body = _read(server)
        assert kind != b"E", body
        if kind == b"Z":
            return


def _pump(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            to.sendall(data)
    with suppress(OSError):
        to.shutdown(socket.SHUT_RDWR)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _read(of: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(of, 5)
    return head[:1], _exactly(of, struct.unpack("!i", head[1:])[0] - 4)


def _exactly(of: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = of.recv(count - len(found))
        if not part:
            raise EOFError
        found += part
    return found
