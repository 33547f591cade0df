"""`python -m simulator`: serve a world on this machine."""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import sys
from collections.abc import Sequence

import uvicorn
from pydantic import ValidationError

from simulator.app import create_app
from simulator.service import Service
from simulator.settings import CONTROL_HEADER, TOKEN_VARIABLE, Settings
from simulator.world import World


class _CutsAreMeant(logging.Filter):
    """uvicorn calls an answer that stops half-way an error of ours; here it is a `cut` fault doing its work."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep all but that one message."""
        return "without completing response" not in record.getMessage()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    own = argparse.ArgumentParser(prog="simulator", description="A local Soundcharts API over a made-up world.")
    own.add_argument("--host", default="127.0.0.1")
    own.add_argument("--port", type=int, default=8085)
    own.add_argument("--seed", type=int, default=1, help="another seed is another world")
    own.add_argument("--overlap", type=float, default=0.6, help="share of tracks common to the first two demo charts")
    own.add_argument("--latency-ms", type=float, default=0, help="an answer takes at least this long")
    own.add_argument("--odd-answers", type=float, default=0, help="share that each kind of odd answer strikes, 0 to 1")
    return own


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted. Returns 2 when an argument is out of range."""
    given = parser().parse_args(argv)
    try:
        world = World(seed=given.seed, overlap=given.overlap)
        own = Settings(latency_ms=given.latency_ms, odd_answers=given.odd_answers)
    except ValidationError as refused:
        for error in refused.errors():
            sys.stderr.write(f"--{'-'.join(str(part) for part in error['loc'])}: {error['msg']}\n")
        return 2
    serve(Service(world, own, control_token=_control_token()), given.host, given.port)
    return 0


def _control_token() -> str:
    """The variable's, else one of this start. Only a person at a terminal is told it: a log may be read by others."""
    if token := os.environ.get(TOKEN_VARIABLE, ""):
        return token
    if not sys.stderr.isatty():
        return ""
    token = secrets.token_urlsafe(18)
    sys.stderr.write(f"To steer it send the header {CONTROL_HEADER}: {token}\n")
    return token


def serve(service: Service, host: str, port: int) -> None:
    """Serve until interrupted. Client addresses are taken from the socket alone, so `/_control` stays local."""
    logging.getLogger("uvicorn.error").addFilter(_CutsAreMeant())
    uvicorn.run(
        create_app(service),
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    sys.exit(main())
