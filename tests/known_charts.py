"""Charts that the catalogue has, for tests that need no more than that there are some."""

from __future__ import annotations

from chartline.soundcharts.models import ChartLight
from chartline.warehouse import charts
from chartline.warehouse.connect import Connection


def know_charts(conn: Connection, **frequencies: str) -> dict[str, int]:
    """Put French charts of these slugs and frequencies into the catalogue; slug -> id. `conn` is in autocommit."""
    ids = {}
    for slug, frequency in frequencies.items():
        chart = ChartLight(slug=slug, name=f"The {slug}", platform="spotify", frequency=frequency, country_code="FR")
        with conn.transaction():
            ids[slug] = charts.upsert_chart(conn, chart)
    return ids
