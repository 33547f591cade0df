"""What is wrong, told to people: the Airflow DAG chartline.alerts."""

from __future__ import annotations

from chartline_airflow.dagbuild.alerts import build

dag = build()
