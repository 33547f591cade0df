"""The pages in Airflow's navigation."""

from __future__ import annotations

from starlette.staticfiles import StaticFiles

from chartline_airflow.web.pages.router import HERE, router

__all__ = ["router", "static"]

static = StaticFiles(directory=HERE / "static")
