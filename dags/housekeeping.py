"""What keeps the warehouse in shape: the Airflow DAG housekeeping."""

from __future__ import annotations

from chartline.dagbuild.housekeeping import build

dag = build()
