"""The heartbeat: what is asked when all is well and when it is not, and that its address stays secret."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import psycopg
import pytest
from pydantic import ValidationError

from chartline.alerts import heartbeat
from chartline.settings import Settings
from chartline.warehouse.connect import connect

PATH = "/ping/made-up-check-7"


class Uptime:
    """An uptime service that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.status = 200
        uptime = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                uptime.told.append((self.path, body))
                self.send_response(uptime.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.settings = Settings(heartbeat_url=f"http://127.0.0.1:{self._server.server_port}{PATH}")
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@pytest.fixture
def uptime() -> Iterator[Uptime]:
    uptime = Uptime()
    yield uptime
    uptime.stop()


@pytest.fixture
def conn(warehouse_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(warehouse_url) as conn:
        conn.autocommit = True
        yield conn


def alert(conn: psycopg.Connection[Any], kind: str, subject: str = "x") -> None:
    conn.execute(
        """insert into chartline.alert (kind, subject, title, advice, details, fingerprint)
           values (%s, %s, 'A Secret Chart is overdue', '', '{}', '')""",
        [kind, subject],
    )


def test_it_asks_the_address_while_all_is_well(conn: psycopg.Connection[Any], uptime: Uptime) -> None:
    alert(conn, "approval")  # waits for a person: nothing is wrong
    alert(conn, "slow_run")
    assert heartbeat.beat(conn, uptime.settings)
    assert uptime.told == [(PATH, "")]


def test_it_says_fail_with_kinds_alone_while_something_is_wrong(conn: psycopg.Connection[Any], uptime: Uptime) -> None:
    alert(conn, "overdue")
    alert(conn, "overdue", "y")
    alert(conn, "credentials")
    assert heartbeat.beat(conn, uptime.settings)
    assert uptime.told == [(f"{PATH}/fail", "credentials: 1, overdue: 2")]
    conn.execute("update chartline.alert set state = 'solved', solved_at = now()")
    heartbeat.beat(conn, uptime.settings)
    assert uptime.told[-1] == (PATH, "")


def test_what_does_not_answer_fails_nothing_and_its_address_is_in_no_log(
    conn: psycopg.Connection[Any], uptime: Uptime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    uptime.status = 500
    assert not heartbeat.beat(conn, uptime.settings)
    uptime.stop()
    assert not heartbeat.beat(conn, uptime.settings)
    assert "urllib3" in {record.name.partition(".")[0] for record in caplog.records}
    assert "The heartbeat could not be sent: ConnectionError" in caplog.text
    assert "made-up-check" not in caplog.text
    assert "made-up-check" not in repr(uptime.settings)


def test_without_an_address_nothing_is_asked(conn: psycopg.Connection[Any]) -> None:
    assert heartbeat.beat(conn, Settings())


def test_it_lives_while_looks_are_made(conn: psycopg.Connection[Any]) -> None:
    assert not heartbeat.is_alive(conn, Settings())
    heartbeat.looked(conn)
    assert heartbeat.is_alive(conn, Settings())
    conn.execute("update chartline.watermark set at = now() - interval '16 minutes'")
    assert not heartbeat.is_alive(conn, Settings())
    assert heartbeat.is_alive(conn, Settings(alive_minutes=17))


@pytest.mark.parametrize("wrong", ["x", "ftp://host/x", "https://user@host/", "https://host/x?token=1", "https:///x"])
def test_an_address_is_one(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Settings(heartbeat_url=wrong)


@pytest.mark.parametrize("wrong", ["short", "with a blank in the middle", "é" * 20])
def test_a_token_cannot_be_guessed(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Settings(alive_token=wrong)
