from __future__ import annotations

import psycopg

from chartline.warehouse import partitions
from chartline.warehouse.merge import MergeRule
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
        (table, tuple(sorted(parts)))
        for table, parts in warehouse.execute(
            "select c.relname, array(select pg_get_indexdef(i.indexrelid, n::int, true)"
            "                        from generate_series(1, i.indnkeyatts) as n)"
            " from pg_index i join pg_class c on c.oid = i.indrelid"
            " where i.indisunique and c.relnamespace = 'chartline'::regnamespace"
        )
    }
    named = {
        (name, tuple(sorted(f"md5({column})" if column in table.hashed else column for column in table.key)))
        for name, table in MERGED.items()
    }
    assert {(table, tuple(part.strip('"') for part in parts)) for table, parts in unique} >= named


def test_an_index_holds_whatever_text_may_come(warehouse: psycopg.Connection) -> None:
    """A b-tree holds 2,700 bytes: of text only what is limited when it is read, or is our own, may stand in it bare."""
    limited = {
        "slug", "code", "platform", "identifier", "radio", "endpoint", "entity", "facet", "resource", "metric", "place",
        "role", "chart", "chart_slug", "dag_id", "run_id", "status", "kind", "subject", "account", "version_num",
        "path", "type", "found", "channel",
        "person",  # a login of Airflow, whose own table takes 512 characters
    }  # fmt: skip
    bare = {
        (table, column)
        for table, column in warehouse.execute(
            "select c.relname, a.attname from pg_index i join pg_class c on c.oid = i.indrelid"
            " join pg_class x on x.oid = i.indexrelid join pg_am on pg_am.oid = x.relam"
            " join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey) and a.atttypid = 'text'::regtype"
            " where c.relnamespace = 'chartline'::regnamespace and pg_am.amname = 'btree' and not c.relispartition"
        )
        if column not in limited
    }
    assert bare == set()


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
            if rule in (MergeRule.GENERATED, MergeRule.STAMP):
                assert (name, column) in given


def test_the_partitioned_tables_are_known(warehouse: psycopg.Connection) -> None:
    found = warehouse.execute(
        "select relname from pg_class where relnamespace = 'chartline'::regnamespace and relkind = 'p'"
    )
    assert {name for (name,) in found} == set(partitions.PARTITIONED)
