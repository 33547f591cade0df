"""Who hears alerts in tests: a mail server and a webhook's receiver on the loopback."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

Server = TypeVar("Server", bound=socketserver.BaseServer)


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as a client needs; `mails` keeps what came."""

    daemon_threads = allow_reuse_address = True

    def __init__(self) -> None:
        self.mails: list[Any] = []
        super().__init__(("127.0.0.1", 0), MailSession)


class MailSession(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.say("220 tests")
        while line := self.rfile.readline():
            word = line.decode().strip().upper()
            if word == "DATA":
                self.say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mails.append(message_from_string(b"".join(lines).decode()))
                self.say("250 kept")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 fine")

    def say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


class Receiver(ThreadingHTTPServer):
    """A webhook's receiver; answers `status`."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        self.status = 204
        self.came: list[tuple[dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", port), Receiving)


class Receiving(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.came.append((dict(self.headers.items()), body))
        self.send_response(self.server.status)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def served(server: Server) -> Iterator[Server]:
    """The server, at work in a thread."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def html_of(mail: Message) -> str:
    """The HTML of a mail, decoded."""
    (part,) = [part for part in mail.walk() if part.get_content_type() == "text/html"]
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()
