from __future__ import annotations

import psycopg

from chartline.warehouse import partitions
from chartline.warehouse.merge import Rule
from chartline.warehouse.tables import MERGED, OWN


def columns(conn: psycopg.Connection) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for table, column in conn.execute(
        "select relname, attname from pg_class join pg_attribute on attrelid = pg_class.oid"
        " where relnamespace = 'chartline'::regnamespace and relkind in ('r', 'p') and not relispartition"
        " and attnum > 0 and not attisdropped and relname <> 'alembic_version'"
    ):
        found.setdefault(table, set()).add(column)
    return found


def test_every_table_is_merged_or_chartlines_own(warehouse: psycopg.Connection) -> None:
    assert set(columns(warehouse)) == set(MERGED) | set(OWN)
    assert not set(MERGED) & set(OWN)


def test_every_column_of_every_merged_table_has_one_rule(warehouse: psycopg.Connection) -> None:
    stated = {name: [*table.key, *table.columns] for name, table in MERGED.items()}
    assert {name: set(listed) for name, listed in stated.items()} == {
        name: found for name, found in columns(warehouse).items() if name in MERGED
    }
    assert all(len(listed) == len(set(listed)) for listed in stated.values())


def test_every_key_is_a_unique_key_of_the_database(warehouse: psycopg.Connection) -> None:
    unique = {
        (table, tuple(sorted(names)))
        for table, names in warehouse.execute(
            "select c.relname, array_agg(a.attname::text) from pg_index i join pg_class c on c.oid = i.indrelid"
            " join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)"
            " where i.indisunique and c.relnamespace = 'chartline'::regnamespace group by i.indexrelid, c.relname"
        )
    }
    assert {(name, tuple(sorted(table.key))) for name, table in MERGED.items()} <= unique


def test_the_database_gives_what_the_rules_leave_to_it(warehouse: psycopg.Connection) -> None:
    """A generated column must have a default or be an identity: the merge never writes it."""
    given = {
        (table, column)
        for table, column in warehouse.execute(
            "select relname, attname from pg_class join pg_attribute on attrelid = pg_class.oid"
            " where relnamespace = 'chartline'::regnamespace and (atthasdef or attidentity <> '')"
        )
    }
    for name, table in MERGED.items():
        for column, rule in table.columns.items():
            if rule in (Rule.GENERATED, Rule.STAMP):
                assert (name, column) in given


def test_the_partitioned_tables_are_known(warehouse: psycopg.Connection) -> None:
    found = warehouse.execute(
        "select relname from pg_class where relnamespace = 'chartline'::regnamespace and relkind = 'p'"
    )
    assert {name for (name,) in found} == set(partitions.PARTITIONED)
