"""Imports what the tasks of Chartline's DAGs work with, and nothing else.

Airflow loads plugins before its executor forks: a task process then finds these modules instead of loading them for
most of a second.
"""

from __future__ import annotations

import chartline_airflow.dagbuild.chart_cascade
import chartline_airflow.dagbuild.chart_sync
import chartline_airflow.dagbuild.runtime  # noqa: F401
