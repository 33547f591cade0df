"""What the warehouse knows of the API's catalogue."""

from __future__ import annotations

from chartline.warehouse.connect import Connection


def chart_platforms(conn: Connection) -> list[str]:
    """Codes of the platforms that have charts at the API, sorted."""
    rows = conn.execute("select code from chartline.platform where ranks_charts order by code")
    return [code for (code,) in rows]


def searched_platforms(conn: Connection) -> list[str]:
    """Codes of the platforms of the charts that are known, sorted."""
    return [code for (code,) in conn.execute("select distinct platform from chartline.chart order by 1")]


def chart_count(conn: Connection) -> int:
    """How many charts are known."""
    row = conn.execute("select count(*) from chartline.chart").fetchone()
    return int(row[0]) if row else 0
