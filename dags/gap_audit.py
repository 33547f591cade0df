"""What the followed charts lack, found and healed: the Airflow DAG chartline.gap_audit."""

from __future__ import annotations

from chartline.domain import dag_ids
from chartline_airflow.dagbuild.former import with_former
from chartline_airflow.dagbuild.gap_audit import build

globals().update(with_former(dag_ids.GAP_AUDIT, build))
