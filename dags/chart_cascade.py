"""Any chart on demand: the Airflow DAG chart_cascade."""

from __future__ import annotations

from chartline.dagbuild.on_demand import build

dag = build()
