"""Any chart on demand: the Airflow DAG chartline.chart_cascade."""

from __future__ import annotations

from chartline.domain import dag_ids
from chartline_airflow.dagbuild.chart_cascade import build
from chartline_airflow.dagbuild.former import with_former

globals().update(with_former(dag_ids.CHART_CASCADE, build))
