from __future__ import annotations

import threading

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from chartline.errors import SchemaMismatch
from chartline.warehouse import partitions, schema
from chartline.warehouse.connect import connect


def test_an_empty_database_comes_to_head_once(empty_database_url: str) -> None:
    assert schema.migrate(empty_database_url) == (None, schema.head())
    with connect(empty_database_url) as conn:
        schema.check(conn)
        conn.execute("insert into platform (code, name) values ('spotify', 'Spotify')")
    assert schema.migrate(empty_database_url) == (schema.head(), schema.head())
    with connect(empty_database_url) as conn:
        assert conn.execute("select code from platform").fetchall() == [("spotify",)]


def test_head_is_what_alembic_finds() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.head()]


def test_two_processes_may_migrate_at_once(empty_database_url: str) -> None:
    outcomes: list[tuple[str | None, str]] = []
    workers = [threading.Thread(target=lambda: outcomes.append(schema.migrate(empty_database_url))) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(outcomes, key=str) == sorted(
        [(None, schema.head()), (schema.head(), schema.head()), (schema.head(), schema.head())], key=str
    )


def test_check_refuses_a_database_without_schema(empty_database_url: str) -> None:
    with connect(empty_database_url) as conn, pytest.raises(SchemaMismatch, match="chartline migrate"):
        schema.check(conn)


@pytest.mark.parametrize(("revision", "word"), [("0000", "older"), ("9999", "newer")])
def test_check_refuses_another_revision_and_says_what_to_do(
    warehouse: psycopg.Connection, revision: str, word: str
) -> None:
    schema.check(warehouse)
    warehouse.execute("update alembic_version set version_num = %s", [revision])
    with pytest.raises(SchemaMismatch, match=f"{word} than this code.*chartline migrate"):
        schema.check(warehouse)
    assert warehouse.execute("select 1").fetchone() == (1,), "the caller's transaction must stay usable"


def test_migrate_refuses_a_newer_schema(warehouse_url: str) -> None:
    with connect(warehouse_url) as conn:
        conn.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(SchemaMismatch, match="newer"):
        schema.migrate(warehouse_url)


def test_migrate_leaves_a_foreign_schema_alone(empty_database_url: str) -> None:
    with connect(empty_database_url) as conn:
        conn.execute("create schema chartline")
        conn.execute("create table chartline.somebodys (id int)")
    with pytest.raises(SchemaMismatch, match="somebodys"):
        schema.migrate(empty_database_url)
    with connect(empty_database_url) as conn:
        found = conn.execute("select relname from pg_class where relnamespace = 'chartline'::regnamespace").fetchall()
    assert found == [("somebodys",)]


def test_migrate_takes_an_empty_schema_made_for_it(empty_database_url: str) -> None:
    with connect(empty_database_url) as conn:
        conn.execute("create schema chartline")
    assert schema.migrate(empty_database_url) == (None, schema.head())


def test_standing_partitions_cover_two_years_back_and_three_months_ahead(empty_database_url: str) -> None:
    schema.migrate(empty_database_url)
    with connect(empty_database_url) as conn:
        counted = conn.execute(
            "select parent.relname, count(*) from pg_inherits join pg_class parent on parent.oid = inhparent"
            " where parent.relkind = 'p' group by 1 order by 1"
        ).fetchall()
        this_month = conn.execute("select to_char(now(), 'YYYY_MM')").fetchone()
        assert this_month
        newest = conn.execute("select to_regclass(%s)", [f"api_call_{this_month[0]}"]).fetchone()
    assert counted == [(name, 24 + 1 + 3) for name in sorted(partitions.PARTITIONED)]
    assert newest != (None,)
