"""Platforms and charts: the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from psycopg import sql
from psycopg.rows import class_row

from chartline.soundcharts.models import ChartLight, Platform
from chartline.warehouse.connect import Connection
from chartline.warehouse.merge import Merged, MergeRule, merge
from chartline.warehouse.tables import CHART, PLATFORM

SERVES = ("ranks_charts", "serves_artist_audience", "serves_artist_listening")
# A chart names its platform by code alone: enough for a row, not for overwriting a name.
PLATFORM_STUB = replace(PLATFORM, columns={**PLATFORM.columns, "name": MergeRule.FIRST})


@dataclass(frozen=True)
class ChartRow:
    """A chart as the warehouse knows it. `country_code` and `city_name` are "" where it is worldwide or national."""

    id: int
    slug: str
    name: str
    type: str
    platform: str
    frequency: str
    country_code: str
    country_name: str
    city_name: str
    capacity: int | None
    web_url: str | None
    metric_type: str | None
    metric_description: str | None


_CHART = sql.SQL("select {} from chartline.chart").format(
    sql.SQL(", ").join(map(sql.Identifier, ChartRow.__dataclass_fields__))
)


def upsert_platforms(
    conn: Connection, platforms: Iterable[Platform], seen_at: datetime | None = None, /, **serves: bool
) -> Merged:
    """Stores a whole list of platforms; `serves` says what being on it means, such as `ranks_charts=True`;
    seen_at: when it came, default: now.

    What is True for the listed ones becomes false for all others, unless the list is empty. Raises ValueError for a
    name in `serves` that is not in `SERVES`.
    """
    if unknown := set(serves) - set(SERVES):
        raise ValueError(f"platforms serve no {', '.join(sorted(unknown))}")
    seen = {"seen_at": seen_at or datetime.now(UTC), **serves}
    rows = [{"code": platform.code, "name": platform.name, **seen} for platform in platforms]
    merged = merge(conn, PLATFORM, rows)
    for flag in (name for name, served in serves.items() if served and rows):
        conn.execute(
            sql.SQL("update chartline.platform set {0} = false where {0} and code <> all(%s)").format(
                sql.Identifier(flag)
            ),
            [[row["code"] for row in rows]],
        )
    return merged


def upsert_charts(conn: Connection, charts: Sequence[ChartLight]) -> dict[str, int]:
    """Stores charts and, by code, the platforms they are on that are not known yet; returns {slug: chart id}."""
    merge(conn, PLATFORM_STUB, [{"code": chart.platform, "name": chart.platform} for chart in charts])
    merge(conn, CHART, [_row(chart) for chart in charts])
    rows = conn.execute(
        "select slug, id from chartline.chart where slug = any(%s)", [[chart.slug for chart in charts]]
    ).fetchall()
    return dict(rows)


def upsert_chart(conn: Connection, chart: ChartLight) -> int:
    """Stores one chart; returns its id."""
    return upsert_charts(conn, [chart])[chart.slug]


def find(conn: Connection, slug: str) -> ChartRow | None:
    """The chart of that slug, None when the warehouse has not met it."""
    with conn.cursor(row_factory=class_row(ChartRow)) as cursor:
        return cursor.execute(_CHART + sql.SQL(" where slug = %s"), [slug]).fetchone()


def search(
    conn: Connection, text: str = "", *, platform: str = "", country_code: str | None = None, limit: int = 50
) -> list[ChartRow]:
    """Charts whose slug, name, country or city hold every word of `text`, in any case; by platform, then slug.

    `country_code` "" means worldwide, None any. The text is taken as it is: no character in it is a wildcard.
    """
    where = sql.SQL(
        " where (%(platform)s = '' or platform = %(platform)s)"
        " and (%(country)s::text is null or country_code = %(country)s)"
        " and not exists (select from unnest(%(words)s::text[]) as word"
        "   where strpos(lower(concat_ws(' ', slug, name, country_name, city_name)), word) = 0)"
        " order by platform, slug limit %(limit)s"
    )
    asked = {"platform": platform, "country": country_code, "words": text.lower().split(), "limit": limit}
    with conn.cursor(row_factory=class_row(ChartRow)) as cursor:
        return cursor.execute(_CHART + where, asked).fetchall()


def _row(chart: ChartLight) -> dict[str, Any]:
    return {
        "slug": chart.slug,
        "name": chart.name,
        "type": chart.type,
        "platform": chart.platform,
        "frequency": chart.frequency,
        "country_code": chart.country_code,
        "country_name": chart.country_name,
        "city_name": chart.city_name,
        "capacity": chart.max_results_count,
        "web_url": chart.web_url,
        "metric_type": chart.metric_type,
        "metric_description": chart.metric_description,
    }
