"""What the API offers: the Airflow DAG chartline.chart_catalog."""

from __future__ import annotations

from chartline_airflow.dagbuild.chart_catalog import build

dag = build()
