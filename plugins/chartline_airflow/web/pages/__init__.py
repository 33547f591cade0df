"""The pages in Airflow's navigation."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.staticfiles import StaticFiles

HERE = Path(__file__).parent

router = APIRouter()
static = StaticFiles(directory=HERE / "static", check_dir=False)
