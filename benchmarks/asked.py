"""What is asked of the app: every GET route of it with examples, and what a browser asks for each page.

Both stand against the app's own routes: one that is added without an example is an error, not left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from benchmarks.large import ARTIST, CHART, STALE_ARTIST, STALE_TRACK, TRACK
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from starlette.routing import Mount, Route


def examples(execution: int) -> dict[str, tuple[str, ...]]:
    """Path of a route: what is asked of it, below the app, on a warehouse of `large.seed`.

    execution: the run to look at. First the plain question, then those that are dear.
    """
    chart, run = f"/api/charts/{CHART}/", f"/api/executions/{execution}/"
    year = datetime.now(UTC).year
    return {
        "/": ("/",),
        "/charts/": ("/charts/",),
        "/charts/{chart}/": (f"/charts/{CHART}/",),
        "/tracks/{uuid}/": (f"/tracks/{TRACK}/",),
        "/artists/{uuid}/": (f"/artists/{ARTIST}/",),
        "/runs/": ("/runs/",),
        "/checks/": ("/checks/",),
        "/runs/{execution}/": (f"/runs/{execution}/",),
        "/static/{path}": ("/static/chart.js",),
        "/api/openapi.json": ("/api/openapi.json",),
        "/api/sync/schedules/": _with(
            "/api/sync/schedules/",
            "",
            "limit=500",
            "sort=-completeness",
            "sort=state",
            "sort=next_sync",
            "sort=-last_sync",
            "sort=success_rate",
            "sort=platform",
            "state=overdue",
            "text=top+7+fra&platform=spotify",
        ),
        "/api/sync/schedules/{key}/": (f"/api/sync/schedules/{CHART}/",),
        "/api/sync/status/{chart}/": (f"/api/sync/status/{CHART}/",),
        "/api/charts/": _with(
            "/api/charts/",
            "",
            "followed=true&limit=500",
            "state=not_followed",
            "state=overdue",
            "text=top+7+fra&platform=spotify",
            "sort=-platform&offset=10000",
            "sort=country",
            "sort=frequency",
            "sort=-followed",
            "sort=slug",
        ),
        "/api/charts/facets/": ("/api/charts/facets/",),
        "/api/charts/{chart}/": (chart,),
        "/api/charts/{chart}/estimate/": (f"{chart}estimate/", f"{chart}estimate/?sync_historical_data=true"),
        "/api/charts/{chart}/status/": (f"{chart}status/",),
        "/api/charts/{chart}/rankings/{day}/": (f"{chart}rankings/latest/",),
        "/api/charts/{chart}/calendar/": (f"{chart}calendar/?year={year}", f"{chart}calendar/?year={year - 1}"),
        "/api/charts/{chart}/completeness/": (f"{chart}completeness/",),
        "/api/executions/": _with(
            "/api/executions/",
            "",
            "status=failed&status=lost",
            f"chart={CHART}",
            "text=chart-7",
            "trigger=scheduled&dag_id=chartline.chart_sync.chart-7",
            "offset=90000",
        ),
        "/api/executions/activity/": ("/api/executions/activity/", "/api/executions/activity/?days=366"),
        "/api/executions/{execution}/": (run, f"{run}?kind=server_trouble"),
        "/api/health/": ("/api/health/",),
        "/api/quota/": ("/api/quota/", "/api/quota/?days=366"),
        "/api/quota/charts/": ("/api/quota/charts/", "/api/quota/charts/?days=366&limit=500"),
        "/api/metrics": ("/api/metrics",),
        "/api/tracks/": _with(
            "/api/tracks/", "", "name=track+77", "name=artist", "isrc=FRX260000007", "limit=500&offset=90000"
        ),
        "/api/tracks/{uuid}/": (f"/api/tracks/{TRACK}/",),
        "/api/tracks/{uuid}/positions/": (
            f"/api/tracks/{TRACK}/positions/",
            f"/api/tracks/{TRACK}/positions/?limit=100",
        ),
        "/api/tracks/{uuid}/audience/": (
            *_with(f"/api/tracks/{TRACK}/audience/", "", f"from={_ago(365)}", "resolution=week"),
            f"/api/tracks/{STALE_TRACK}/audience/",
        ),
        "/api/artists/": _with("/api/artists/", "", "name=artist+77", "name=artist", "limit=500&offset=40000"),
        "/api/artists/{uuid}/": (f"/api/artists/{ARTIST}/",),
        "/api/artists/{uuid}/tracks/": (f"/api/artists/{ARTIST}/tracks/",),
        "/api/artists/{uuid}/positions/": (f"/api/artists/{ARTIST}/positions/",),
        "/api/artists/{uuid}/audience/": (
            *_with(f"/api/artists/{ARTIST}/audience/", "", f"from={_ago(365)}", "resolution=month"),
            f"/api/artists/{STALE_ARTIST}/audience/",
        ),
        "/api/alerts/": _with("/api/alerts/", "", "state=open", "kind=overdue&limit=500"),
        "/api/alerts/deliveries/": ("/api/alerts/deliveries/", "/api/alerts/deliveries/?alert=7"),
        "/api/checks/": ("/api/checks/",),
        "/api/findings/": _with("/api/findings/", "", "state=solved&check=turnover", f"chart={CHART}", "limit=500"),
        "/api/drift/": _with("/api/drift/", "", "endpoint=song&kind=unread&kind=gone", "limit=500"),
        "/api/changes/": _with("/api/changes/", "", f"subject={CHART}", "action=schedule&who=person-3", "limit=500"),
    }


def pages(execution: int) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Path of a page: what the browser asks for until it has drawn it, as its scripts do; the questions of one tuple
    side by side, the next tuple when they are answered. Its scripts and styles, which it keeps, are left out."""
    chart, track, artist = f"/api/charts/{CHART}/", f"/api/tracks/{TRACK}/", f"/api/artists/{ARTIST}/"
    run, since = f"/api/executions/{execution}/", f"from={_ago(90)}"
    return {
        "/": (
            ("/",),
            (
                "/api/sync/schedules/?limit=1",
                "/api/health/",
                "/api/quota/?days=31",
                "/api/executions/activity/?days=31",
                "/api/drift/?limit=50",
                "/api/executions/?limit=8",
            ),
        ),
        "/charts/": (
            ("/charts/",),
            ("/api/sync/schedules/?sort=name&limit=25&offset=0", "/api/charts/facets/"),
        ),
        "/charts/{chart}/": (
            (f"/charts/{CHART}/",),
            (chart,),
            (f"/api/sync/schedules/{CHART}/",),
            (
                f"{chart}calendar/",
                f"{chart}completeness/",
                f"{chart}rankings/latest/?limit=50",
                f"/api/executions/?chart={CHART}&limit=10&offset=0",
                f"/api/changes/?subject={CHART}&limit=5&offset=0",
            ),
        ),
        "/tracks/{uuid}/": (
            (f"/tracks/{TRACK}/",),
            (track,),
            (f"{track}positions/?{since}", f"{track}audience/?{since}&resolution=day"),
        ),
        "/artists/{uuid}/": (
            (f"/artists/{ARTIST}/",),
            (artist,),
            (
                f"{artist}positions/?{since}",
                f"{artist}audience/?{since}&resolution=day",
                f"{artist}tracks/?limit=25&offset=0",
            ),
        ),
        "/runs/": (("/runs/",), ("/api/executions/?limit=25&offset=0",)),
        "/checks/": (("/checks/",), ("/api/findings/?state=open&limit=25&offset=0", "/api/checks/")),
        "/runs/{execution}/": ((f"/runs/{execution}/",), (f"{run}?limit=1",), (f"{run}?limit=25&offset=0",)),
    }


def routes(app: FastAPI) -> Iterator[tuple[str, bool]]:
    """Every route that takes GET, and whether it is a page. Raises TypeError for a kind of route that is not known."""
    for route in app.routes:
        if isinstance(route, Mount):
            yield f"{route.path}/{{path}}", False
        elif isinstance(route, APIRoute):
            if "GET" in route.methods:
                yield (
                    route.path,
                    isinstance(route.response_class, type) and issubclass(route.response_class, HTMLResponse),
                )
        elif isinstance(route, Route):
            if "GET" in (route.methods or ()):
                yield route.path, False
        else:
            raise TypeError(f"{route!r} is of a kind that nobody has thought of")


def of(app: FastAPI, execution: int) -> dict[str, tuple[str, ...]]:
    """`examples`, of exactly the app's routes. Raises LookupError that names the routes without one, the examples
    without a route, and the pages of which nobody says what they ask."""
    asked, shown = examples(execution), pages(execution)
    there = dict(routes(app))
    wrong = {
        "no example": there.keys() - asked.keys(),
        "no such route": asked.keys() - there.keys(),
        "nobody says what this page asks": {path for path, is_page in there.items() if is_page} - shown.keys(),
        "no such page": shown.keys() - {path for path, is_page in there.items() if is_page},
    }
    if any(wrong.values()):
        raise LookupError("; ".join(f"{what}: {', '.join(sorted(paths))}" for what, paths in wrong.items() if paths))
    for path, questions in asked.items():
        pattern = re.compile(re.sub(r"{\w+}", "[^/]+", path))
        strangers = [question for question in questions if not pattern.fullmatch(question.partition("?")[0])]
        if strangers:
            raise LookupError(f"not of {path}: {', '.join(strangers)}")
    return asked


def _with(path: str, *queries: str) -> tuple[str, ...]:
    return tuple(f"{path}?{query}" if query else path for query in queries)


def _ago(days: int) -> str:
    return (datetime.now(UTC).date() - timedelta(days=days)).isoformat()
