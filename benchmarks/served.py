"""Chartline's app in a web server of its own, mounted as in Airflow's, for an admin whoever asks.

    CHARTLINE_WAREHOUSE_URL=... python -m benchmarks.served PORT

Two things are added: every answer says how many statements it asked (`counted`), and `/chartline/api/floor/` asks
`select 1` and nothing else: what any route costs that asks the warehouse at all.
"""

from __future__ import annotations

import sys

import uvicorn
from airflow.api_fastapi import app as airflow_app
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from benchmarks import counted
from fastapi import FastAPI

from chartline_airflow.web.app import create_app
from chartline_airflow.web.warehouse import Warehouse

FLOOR = "/api/floor/"


class Anybody(SimpleAuthManager):
    """Every token is an admin's: what Airflow's login takes is not measured."""

    async def get_user_from_token(self, token: str) -> SimpleAuthManagerUser:
        return SimpleAuthManagerUser(username="benchmark", role="ADMIN")


def floor(conn: Warehouse) -> dict[str, int]:
    """The least that a route does."""
    row = conn.execute("select 1").fetchone()
    assert row is not None
    return {"one": row[0]}


def served() -> FastAPI:
    """What the server serves."""
    counted.count()
    airflow_app._AuthManagerState.instance = Anybody()  # type: ignore[no-untyped-call]
    own = create_app()
    own.add_api_route(FLOOR, floor)
    outer = FastAPI()
    outer.mount("/chartline", own)
    outer.add_middleware(counted.Counted)
    return outer


if __name__ == "__main__":
    uvicorn.run(served(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
