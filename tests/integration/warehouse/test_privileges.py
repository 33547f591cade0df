"""Who may read what: the role `chartline_reader` on a server of its own, as roles are the whole server's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from chartline.local.postgres import LocalPostgres
from chartline.warehouse import privileges, schema
from chartline.warehouse.connect import connect


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    with LocalPostgres(tmp_path_factory.mktemp("postgres"), durable=False) as running:
        yield running


@pytest.fixture(scope="module")
def owner(server: LocalPostgres) -> str:
    url = server.create("chartline", "chartline", "a", schema=schema.SCHEMA)
    server.let_read("chartline", privileges.READER, "b", privileges.READER_SETTINGS)
    schema.migrate(url)
    return url


@pytest.fixture
def reader(server: LocalPostgres, owner: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.url("chartline", privileges.READER, "b"), autocommit=True) as conn:
        yield conn


def test_a_reader_reads_everything_but_what_is_not_for_readers(reader: psycopg.Connection) -> None:
    rows = reader.execute(
        """select relname, has_table_privilege(oid, 'select') from pg_class
           where relnamespace = 'chartline'::regnamespace and relkind in ('r', 'p', 'v', 'm')"""
    ).fetchall()
    refused = {name for name, readable in rows if not readable}
    assert refused == set(privileges.NOT_FOR_READERS)
    assert reader.execute("select count(*) from latest_ranking").fetchone() == (0,), "the schema is on its path"


def test_a_reader_changes_nothing(reader: psycopg.Connection) -> None:
    texts = ["insert into platform (code, name) values ('x', 'x')", "delete from chart", "truncate chart",
             "create table mine (n int)", "create temp table mine (n int)", "create schema mine",
             "create role mine", "select pg_read_file('/etc/passwd')", "copy chart to program 'cat'"]  # fmt: skip
    for switch in ("on", "off"):  # the setting spares accidents, the rights hold
        reader.execute(f"set default_transaction_read_only to {switch}")
        for text in texts:
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
                reader.execute(text)


def test_a_reader_is_cut_off_in_time(reader: psycopg.Connection) -> None:
    for name, value in privileges.READER_SETTINGS.items():
        row = reader.execute("select current_setting(%s)", [name]).fetchone()
        assert row is not None
        assert row[0] == value
    reader.execute("set statement_timeout to '50ms'")
    with pytest.raises(psycopg.errors.QueryCanceled):
        reader.execute("select pg_sleep(60)")


def test_tables_that_come_later_are_readable_too(reader: psycopg.Connection, owner: str) -> None:
    with connect(owner) as conn:
        conn.execute("create table chartline.later (n int)")
    assert reader.execute("select count(*) from later").fetchone() == (0,)
    with connect(owner) as conn:
        conn.execute("drop table chartline.later")


def test_migrating_again_takes_back_what_somebody_gave(reader: psycopg.Connection, owner: str) -> None:
    with connect(owner) as conn:
        conn.execute("grant select on chartline.raw_answer to chartline_reader")
    schema.migrate(owner)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("select * from raw_answer")


def test_the_manual_says_how_to_make_it_elsewhere(tmp_path: Path) -> None:
    """The SQL of docs/howto/query.md, on a server that has none of it."""
    page = (Path(__file__).parents[3] / "docs" / "howto" / "query.md").read_text()
    section = page.partition("## Who may read")[2].partition("## ")[0]
    statements = section.partition("```sql\n")[2].partition("```")[0]
    assert all(f"`{table}`" in section for table in privileges.NOT_FOR_READERS)
    with LocalPostgres(tmp_path, durable=False) as server:
        with psycopg.connect(server.url(), autocommit=True) as conn:
            for statement in statements.replace("'...'", "'told'").split(";"):
                conn.execute(statement)
        with psycopg.connect(server.url("chartline")) as conn:
            conn.execute(section.partition("database `chartline`: `")[2].partition("`")[0])
        schema.migrate(server.url("chartline", "chartline", "told"))
        with psycopg.connect(server.url("chartline", privileges.READER, "told")) as conn:
            for name, value in privileges.READER_SETTINGS.items():
                assert conn.execute("select current_setting(%s)", [name]).fetchone() == (value,)
            assert conn.execute("select count(*) from track").fetchone() == (0,)


def test_without_the_role_nothing_is_granted(warehouse: psycopg.Connection) -> None:
    assert not privileges.let_read(warehouse)
