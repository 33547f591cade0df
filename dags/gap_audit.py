"""What the followed charts lack, found and healed: the Airflow DAG gap_audit."""

from __future__ import annotations

from chartline_airflow.dagbuild.gap_audit import build

dag = build()
