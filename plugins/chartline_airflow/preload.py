"""Imports what the tasks of Chartline's DAGs work with, and nothing else.

Airflow loads plugins before its executor forks: a task process then finds these modules instead of loading them for
most of a second.
"""

from __future__ import annotations

import chartline.cascade.artists
import chartline.cascade.engine
import chartline.cascade.ranking
import chartline.cascade.report
import chartline.cascade.tracks
import chartline.dagbuild.chart_sync
import chartline.dagbuild.on_demand
import chartline.dagbuild.runtime  # noqa: F401
