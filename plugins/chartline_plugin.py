"""What Airflow loads of Chartline: its timetable, its priorities and its web app.

The rest of the package is imported by name where it is used.
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

# What tasks use is imported here, before the executor forks its workers: a task then inherits it and starts at once.
from chartline_airflow import preload  # noqa: F401
from chartline_airflow.priority import NewestFirst
from chartline_airflow.timetable import ChartTimetable
from chartline_airflow.web import asgi


class ChartlinePlugin(AirflowPlugin):
    """Registered under the name `chartline`."""

    name = "chartline"
    timetables = [ChartTimetable]  # noqa: RUF012 - Airflow's own way
    priority_weight_strategies = [NewestFirst]  # noqa: RUF012
    fastapi_apps = [{"app": asgi, "url_prefix": "/chartline", "name": "chartline"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "Chartline",
            "href": "chartline/",
            "destination": "nav",
            "url_route": "chartline",
            "nav_top_level": True,
        }
    ]
