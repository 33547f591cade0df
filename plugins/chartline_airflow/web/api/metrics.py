"""Numbers for Prometheus."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter
from fastapi.responses import Response

from chartline.operating import metrics
from chartline.settings import settings
from chartline_airflow.web.access import Reader
from chartline_airflow.web.warehouse import Warehouse

router = APIRouter(tags=["metrics"])

MEDIA = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/metrics", response_class=Response, responses={200: {"content": {MEDIA: {}}, "description": "Metrics"}})
def get_metrics(conn: Warehouse, _: Reader) -> Response:
    """Chartline's numbers in Prometheus' text format. Scrape it with a token of Airflow."""
    return Response(metrics.text(conn, settings(), datetime.now(UTC)), media_type=MEDIA)
