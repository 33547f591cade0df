"""Tables rebuilt from raw answers, on demand: the Airflow DAG chartline.replay."""

from __future__ import annotations

from chartline_airflow.dagbuild.replay import build

dag = build()
