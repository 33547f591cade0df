"""Large and deep bodies: refused before they are read, and the web server goes on meanwhile."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from tests.plugins.web.conftest import Caller

from chartline_airflow.web import bodies

MB = 1024 * 1024


@pytest.fixture
def web(app: FastAPI) -> Iterator[str]:
    """The app in a web server, as Airflow runs it; its address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()  # who comes before the server is ready waits
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/chartline/api/"
        server.should_exit = True
        thread.join(30)


def post(url: str, body: Any) -> httpx.Response:
    headers = {"Authorization": "Bearer editor", "Content-Type": "application/json"}
    return httpx.post(f"{url}sync/schedules/", content=body, headers=headers, timeout=60, trust_env=False)


class Beside(threading.Thread):
    """Somebody else, who asks again and again; `slowest`: the longest wait, in seconds."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url, self._end, self.slowest, self.asked = url, threading.Event(), 0.0, 0

    def run(self) -> None:
        with httpx.Client(trust_env=False, timeout=60) as http:
            while not self._end.is_set():
                begun = time.perf_counter()
                http.get(f"{self._url}nothing/")  # 401, without a thread or the warehouse
                self.slowest = max(self.slowest, time.perf_counter() - begun)
                self.asked += 1

    def __enter__(self) -> Beside:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self.join(60)


def announced(size: int) -> bytes:
    return b'{"chart": "' + b"x" * (size - 13) + b'"}'


def test_a_large_body_is_refused_unread(web: str) -> None:
    """Only its length is sent, and the answer comes: 50 MB that are never waited for."""
    host, port = web.split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=30) as caller:
        caller.sendall(
            f"POST /chartline/api/sync/schedules/ HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer editor\r\n"
            f"Content-Type: application/json\r\nContent-Length: {50 * MB}\r\n\r\n".encode()
        )
        told = b""
        while part := caller.recv(65536):
            told += part
    head, _, body = told.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert json.loads(body)["kind"] == "too_large"


def test_nobody_waits_for_what_is_refused(web: str) -> None:
    """Not the 10 s that 50 MB once took of everybody: whether their length is announced or they come in pieces."""
    deep = b"[" * bodies.MOST
    wide = b'{"chart": [' + b"[]," * 80_000 + b"[]]}"
    many = json.dumps({f"no such field {n}": n for n in range(9_000)}).encode()
    assert len(wide) < bodies.MOST
    assert len(many) < bodies.MOST
    post(web, b"{}")
    with Beside(web) as other:
        for body, status in ((iter([announced(MB)] * 50), 413), (deep, 422), (wide, 422), (many, 422)):
            try:
                answer = post(web, body)
            except httpx.TransportError:  # the server closed before all was sent, which is well
                assert status == 413
                continue
            assert answer.status_code == status, answer.text[:300]
            assert len(answer.content) < 30_000
    assert other.asked > 3
    assert other.slowest < 2


def test_the_largest_that_is_taken(editor: Caller, anonymous: Caller) -> None:
    headers = {"Content-Type": "application/json"}
    assert editor.post("sync/schedules/", content=announced(bodies.MOST), headers=headers).status_code == 422
    assert editor.post("sync/schedules/", content=announced(bodies.MOST + 1), headers=headers).status_code == 413
    assert editor.request("GET", "alerts/", content=b"x" * (bodies.MOST + 1)).status_code == 413
    assert anonymous.post("sync/schedules/", content=announced(bodies.MOST + 1), headers=headers).status_code == 401


def test_pieces_are_counted(editor: Caller) -> None:
    pieces = (b" " * 1000 for _ in range(bodies.MOST // 1000 + 1))
    answer = editor.post("sync/schedules/", content=pieces, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["kind"]) == (413, "too_large")
    pieces = (part for part in (b'{"chart": ', b'"no-such-', b'chart"}'))
    answer = editor.post("sync/schedules/", content=pieces, headers={"Content-Type": "application/json"})
    assert answer.status_code == 404, answer.text
