"""The pages in Airflow's navigation."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from chartline_airflow.web.pages.router import HERE, router

__all__ = ["router", "static"]


class Static(StaticFiles):
    """Files that a browser asks about each time (mostly answered by 304), so that after an upgrade no new script meets
    an old one."""

    def file_response(self, *args: Any, **more: Any) -> Response:
        response = super().file_response(*args, **more)
        response.headers["cache-control"] = "private, no-cache"
        return response


static = Static(directory=HERE / "static")
