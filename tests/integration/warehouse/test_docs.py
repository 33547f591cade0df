from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from chartline.errors import SchemaMismatch
from chartline.warehouse import docs
from chartline.warehouse.connect import connect
from chartline.warehouse.tables import MERGED, OWN

REFERENCE = Path(__file__).parents[3] / "docs" / "schema.md"


def test_the_reference_in_the_repository_is_what_the_database_says(warehouse_url: str) -> None:
    assert docs.is_current(warehouse_url, REFERENCE), "docs/schema.md is not current: run chartline docs"


def test_writing_twice_changes_the_file_once(warehouse_url: str, tmp_path: Path) -> None:
    path = tmp_path / "schema.md"
    assert not docs.is_current(warehouse_url, path)
    assert docs.write(warehouse_url, path)
    assert not docs.write(warehouse_url, path)
    with connect(warehouse_url) as conn:
        conn.execute("comment on table track is 'Something else | here.'")
    assert not docs.is_current(warehouse_url, path)
    assert docs.write(warehouse_url, path)
    assert "Something else | here." in path.read_text()


def test_every_table_and_view_is_there_with_prose(warehouse: psycopg.Connection) -> None:
    text = docs.render(warehouse)
    sections = re.findall(r"^### (\w+)\n\n(.*)$", text, flags=re.M)
    views = {name for (name,) in warehouse.execute("select viewname from pg_views where schemaname = 'chartline'")}
    assert {name for name, _ in sections} == set(MERGED) | set(OWN) | views
    assert [name for name, prose in sections if not prose.strip()] == []


def test_columns_show_type_null_default_and_rule(warehouse: psycopg.Connection) -> None:
    lines = docs.render(warehouse).splitlines()
    assert "| `duration` | integer | null |  | fill | Seconds. |" in lines
    assert "| `slug` | text |  |  | key | The API's key of the chart. |" in lines
    assert "| `updated_at` | timestamp with time zone |  | `now()` | stamp | When a value last changed. |" in lines
    assert "- `PRIMARY KEY (track, platform, day, identifier)`" in lines
    assert "- partitioned by month: `RANGE (day)`" in lines


def test_the_diagram_draws_each_reference(warehouse: psycopg.Connection) -> None:
    lines = docs.render(warehouse).splitlines()
    start = lines.index("```mermaid")
    drawn = lines[start : lines.index("```", start)]
    assert '    chart }o--|| platform : "platform"' in drawn
    assert '    chart_sync_schedule |o--|| chart : "chart_id"' in drawn
    assert '    genre }o--o| genre : "parent_id"' in drawn
    assert '    track_audience }o..|| track : "track"' in drawn
    enforced = warehouse.execute(
        "select count(*) from pg_constraint where contype = 'f' and connamespace = 'chartline'::regnamespace"
    ).fetchone()
    assert enforced == (sum("--" in line for line in drawn),)


def test_another_revision_is_not_described(warehouse: psycopg.Connection) -> None:
    warehouse.execute("update alembic_version set version_num = '0000'")
    with pytest.raises(SchemaMismatch):
        docs.render(warehouse)
