"""The ids of Chartline's DAGs in Airflow, which may hold other teams' DAGs too: all begin with the product's name."""

from __future__ import annotations

import re
from zlib import crc32

PRODUCT = "chartline."
CHART_SYNC = f"{PRODUCT}chart_sync."
"""Before the slug of a followed chart."""
CHART_CASCADE = f"{PRODUCT}chart_cascade"
CHART_CATALOG = f"{PRODUCT}chart_catalog"
AUDIENCE_REFRESH = f"{PRODUCT}audience_refresh"
GAP_AUDIT = f"{PRODUCT}gap_audit"
ALERTS = f"{PRODUCT}alerts"
HOUSEKEEPING = f"{PRODUCT}housekeeping"
REPLAY = f"{PRODUCT}replay"

STANDING = frozenset({CHART_CASCADE, CHART_CATALOG, AUDIENCE_REFRESH, GAP_AUDIT, ALERTS, HOUSEKEEPING, REPLAY})
"""The DAGs that are of no schedule."""


def is_ours(dag_id: str) -> bool:
    """Whether a DAG is Chartline's."""
    return dag_id in STANDING or dag_id.startswith(CHART_SYNC)


def of_chart(slug: str) -> str:
    """The DAG of a chart's schedule. A slug that a DAG id cannot hold is made fit, so that even a row with a wrong
    slug has a DAG of its own that can say so."""
    fit = re.sub(r"[^A-Za-z0-9_.-]", "_", slug)[:200]
    return f"{CHART_SYNC}{fit if fit == slug else f'{fit}_{crc32(slug.encode()):08x}'}"


def slug(dag_id: str) -> str | None:
    """The slug, as its DAG id holds it, of the chart whose own DAG that is; None for any other DAG."""
    return dag_id.removeprefix(CHART_SYNC) if dag_id.startswith(CHART_SYNC) else None


def is_former(dag_id: str) -> bool:
    """Whether a DAG is Chartline's by an id of before."""
    return not dag_id.startswith(PRODUCT) and is_ours(today(dag_id))


def former(dag_id: str) -> str:
    """The id that a DAG had before all began with the product's name: its runs of then still have it."""
    return dag_id.removeprefix(PRODUCT)


def today(dag_id: str) -> str:
    """The id that a DAG has now, be that one of now or a former one."""
    return PRODUCT + former(dag_id)
