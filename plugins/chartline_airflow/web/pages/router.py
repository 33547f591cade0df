"""The pages: shells made here, filled in the browser from the REST API.

A shell knows where it lies below the app (`root`, relative, so that it works behind any base path), what it is about
(`subject`) and whether the person may change things. All text from elsewhere comes by the API and is shown as text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from chartline.checks.registry import CHECKS
from chartline.domain import platforms
from chartline.domain.asks import STEPS
from chartline.domain.grid import FREQUENCIES
from chartline_airflow.web.access import Reader

HERE = Path(__file__).parent

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""Stricter than the app's own: a page runs our scripts, and asks nothing of anybody else."""

router = APIRouter(default_response_class=HTMLResponse)

_templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)


def _shell(page: str, person: Reader, depth: int, subject: str = "", **more: Any) -> HTMLResponse:
    """`depth`: how many folders below the app the page lies."""
    text = _templates.get_template(f"{page}.html").render(
        page=page, person=person, root="../" * depth or "./", subject=subject, **more
    )
    return HTMLResponse(text, headers={"content-security-policy": POLICY})


@router.get("/")
def overview(person: Reader) -> HTMLResponse:
    """Totals, what needs attention, quota, last runs, activity."""
    return _shell("overview", person, 0)


@router.get("/charts/")
def charts(person: Reader) -> HTMLResponse:
    """The followed charts, and the catalogue to add from."""
    return _shell("charts", person, 1, **_choices())


@router.get("/charts/{chart}/")
def chart(chart: str, person: Reader) -> HTMLResponse:
    """One chart: settings, calendar, rankings, runs."""
    return _shell("chart", person, 2, chart, **_choices())


@router.get("/tracks/{uuid}/")
def track(uuid: str, person: Reader) -> HTMLResponse:
    """One track."""
    return _shell("track", person, 2, uuid)


@router.get("/artists/{uuid}/")
def artist(uuid: str, person: Reader) -> HTMLResponse:
    """One artist."""
    return _shell("artist", person, 2, uuid)


@router.get("/runs/")
def runs(person: Reader) -> HTMLResponse:
    """All runs, newest first."""
    return _shell("runs", person, 1)


@router.get("/checks/")
def checks(person: Reader) -> HTMLResponse:
    """What looks wrong in what is stored."""
    return _shell("checks", person, 1, checks=[check.name for check in CHECKS])


@router.get("/runs/{execution}/")
def run(execution: str, person: Reader) -> HTMLResponse:
    """One run, live."""
    return _shell("run", person, 2, execution)


def _choices() -> dict[str, Any]:
    """What the settings form offers."""
    return {
        "frequencies": FREQUENCIES,
        "steps": STEPS,
        "track_platforms": platforms.TRACK_PLATFORMS,
        "artist_platforms": platforms.ARTIST_PLATFORMS,
        "default_track_platforms": platforms.DEFAULT_TRACK_PLATFORMS,
        "default_artist_platforms": platforms.DEFAULT_ARTIST_PLATFORMS,
    }
