"""The audience of given tracks, artists and charts, on demand: the Airflow DAG chartline.audience_refresh."""

from __future__ import annotations

from chartline.domain import dag_ids
from chartline_airflow.dagbuild.audience_refresh import build
from chartline_airflow.dagbuild.former import with_former

globals().update(with_former(dag_ids.AUDIENCE_REFRESH, build))
