"""What the API offers: the Airflow DAG chart_catalog."""

from __future__ import annotations

from chartline.dagbuild.catalogue import build

dag = build()
