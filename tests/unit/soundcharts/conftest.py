"""A small HTTP server on loopback that answers as a test tells it to, and counts what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chartline.settings import Settings
from chartline.soundcharts.account import ApiAccount
from chartline.soundcharts.client import SoundchartsClient
from chartline.soundcharts.limiter import Limiter, NoLimiter


@dataclass(frozen=True)
class Asked:
    """One request as it came over the wire: `path` still encoded, header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: str

    @property
    def bare_path(self) -> str:
        return urlsplit(self.path).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True)


@dataclass(frozen=True)
class Said:
    """What to answer. `cut` bytes of the body are promised and not sent; `drop` answers nothing at all.

    `chunked` sends the body in chunks, without its end when cut. `wait` is called before each part of the body.
    """

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    chunked: bool = False
    drop: bool = False
    parts: int = 1
    wait: Callable[[], Any] = lambda: None

    @property
    def bytes(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Script = Callable[[Asked], Said]


class LocalApi:
    """A script decides every answer; `asked` and `connections` tell what happened."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self.url = ""
        self._lock = threading.Lock()
        self._script: Script = lambda asked: Said({"items": [], "errors": []})

    def answers(self, script: Script) -> None:
        """Every answer from now on."""
        self._script = script

    def says(self, *said: Said) -> None:
        """These answers in this order, the last one for ever."""
        left = list(said)

        def script(_: Asked) -> Said:
            with self._lock:
                return left.pop(0) if len(left) > 1 else left[0]

        self._script = script

    def handle(self, asked: Asked) -> Said:
        with self._lock:
            self.asked.append(asked)
        return self._script(asked)


def _handler(api: LocalApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            with api._lock:
                api.connections += 1
            super().setup()

        def answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            said = api.handle(Asked(self.command, self.path, headers, self.rfile.read(length).decode()))
            if said.drop:
                self.close_connection = True
                return
            try:
                self.send(said)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def send(self, said: Said) -> None:
            body = said.bytes
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            if said.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            sent = body[: len(body) - said.cut]
            size = max(1, -(-len(sent) // said.parts))
            for start in range(0, len(sent), size):
                said.wait()
                part = sent[start : start + size]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if said.chunked else part)
                self.wfile.flush()
            if said.cut:
                self.close_connection = True
            elif said.chunked:
                self.wfile.write(b"0\r\n\r\n")

        do_GET = do_POST = answer

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    return Handler


@contextmanager
def serving() -> Iterator[LocalApi]:
    """A server that runs for as long as the `with` lasts."""
    api = LocalApi()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(api))
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def api() -> Iterator[LocalApi]:
    """A server of this test's own."""
    with serving() as server:
        yield server


@dataclass
class Clients:
    """Makes clients of the local server; `slept` is what they would have slept, in seconds."""

    api: LocalApi
    slept: list[float] = field(default_factory=list)
    made: list[SoundchartsClient] = field(default_factory=list)

    def __call__(
        self, limiter: Limiter | None = None, *, settings: Settings | None = None, **account: Any
    ) -> SoundchartsClient:
        who = {"base_url": self.api.url, "login": "app-7-of-tests", "password": "key-of-tests"} | account
        client = SoundchartsClient(
            ApiAccount(**who),
            limiter=limiter or NoLimiter(sleep=self.slept.append),
            settings=settings or Settings(connect_timeout=2, read_timeout=2, call_retries=2),
            sleep=self.slept.append,
        )
        self.made.append(client)
        return client


@pytest.fixture
def client_of(api: LocalApi) -> Iterator[Clients]:
    """Clients of `api`, closed at the end."""
    clients = Clients(api)
    yield clients
    for client in clients.made:
        client.close()
