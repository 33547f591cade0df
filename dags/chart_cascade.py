"""Any chart on demand: the Airflow DAG chart_cascade."""

from __future__ import annotations

from chartline_airflow.dagbuild.chart_cascade import build

dag = build()
