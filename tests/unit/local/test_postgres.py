"""The embedded server, with a real one."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from chartline.errors import WarehouseUnavailable
from chartline.local import postgres
from chartline.local.ports import PortTaken, free_port
from chartline.local.postgres import LocalPostgres, PostgresFailed, binaries


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    with LocalPostgres(tmp_path_factory.mktemp("postgres"), durable=False) as running:
        yield running


@pytest.fixture
def own(tmp_path: Path) -> Iterator[LocalPostgres]:
    """A server that a test may stop and kill."""
    server = LocalPostgres(tmp_path / "pg", durable=False)
    yield server
    server.stop()


def one(url: str, query: str) -> object:
    with psycopg.connect(url) as conn:
        row = conn.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_version_settings_and_encoding(server: LocalPostgres) -> None:
    assert str(one(server.url(), "SHOW server_version")).startswith("18.")
    assert one(server.url(), "SHOW max_connections") == "200"
    assert one(server.url(), "SHOW listen_addresses") == "127.0.0.1"
    assert one(server.url(), "SHOW fsync") == "off"
    assert one(server.url(), "SHOW server_encoding") == "UTF8"


def test_a_product_server_is_durable(own: LocalPostgres) -> None:
    durable = LocalPostgres(own.folder)
    with durable:
        assert one(durable.url(), "SHOW fsync") == "on"
        assert one(durable.url(), "SHOW synchronous_commit") == "on"


def test_passwords_are_asked_for_and_kept_private(server: LocalPostgres) -> None:
    assert stat.S_IMODE((server.folder / "superuser-password").stat().st_mode) == 0o600
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.url(user="postgres", password="wrong"))
    assert server.password not in repr(server)
    assert not list(server.folder.glob("initdb-*"))


ODD = ["R&D (100%) $x é", "a`b\"c\\d$(e) it's"]


@pytest.mark.parametrize("name", ODD)
def test_any_name_of_a_folder(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Of the data and of the programs: initdb and pg_ctl hand theirs to a shell."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to the user that the server runs as
        Path(folder).chmod(0o711)
        start_in(Path(folder) / name, monkeypatch)


def start_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of `folder` with programs of `folder`."""
    package = binaries().parents[1]
    copy = folder / package.name
    shutil.copytree(package, copy, symlinks=True)
    libraries = package.parent / f"{package.name}.libs"
    if libraries.exists():
        (copy.parent / libraries.name).symlink_to(libraries)
    programs = copy / binaries().relative_to(package)
    monkeypatch.setattr(postgres, "binaries", lambda: programs)
    with LocalPostgres(folder / "pg", durable=False) as server:
        assert one(server.create("a", "b", "c"), "SELECT current_user") == "b"
        assert server.running
    assert not server.running


def test_create_is_idempotent_and_its_own(server: LocalPostgres) -> None:
    first = server.create("music", "owner", "it's a p@ss/word")
    with psycopg.connect(first) as conn:
        conn.execute("CREATE TABLE kept (n int)")
    assert server.create("music", "owner", "second") == server.url("music", "owner", "second")
    assert one(server.url("music", "owner", "second"), "SELECT count(*) FROM kept") == 0
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(first)


def test_one_owner_cannot_enter_the_others_database(server: LocalPostgres) -> None:
    server.create("here", "here", "a")
    server.create("there", "there", "b")
    for database in ("there", "postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(server.url(database, "here", "a"))


def test_an_owner_has_no_right_beside_its_schema(server: LocalPostgres) -> None:
    url = server.create("narrow", "narrow", "a", schema="own")
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create table own.mine (n int); create temp table passing (n int)")
        for text in (
            "create schema other",
            "create table public.mine (n int)",
            "create database mine",
            "create role mine",
            "drop database narrow",
            "alter database narrow set work_mem to '1GB'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(text)
        rights = conn.execute(
            """select rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls
               from pg_roles where rolname = 'narrow'"""
        ).fetchone()
    assert rights is not None
    assert not any(rights)


def test_what_an_earlier_version_made_loses_the_rights_too_many(server: LocalPostgres) -> None:
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("create role former login createdb")
        admin.execute("create database former owner former")
    with psycopg.connect(server.url("former"), autocommit=True) as conn:
        conn.execute("create schema own authorization former; create table own.kept (n int)")
        conn.execute("alter table own.kept owner to former")
    url = server.create("former", "former", "a", schema="own")
    assert one(url, "select pg_get_userbyid(datdba) from pg_database where datname = 'former'") == "postgres"
    assert one(url, "select rolcreatedb from pg_roles where rolname = 'former'") is False
    assert one(url, "select count(*) from own.kept") == 0


def test_start_again_keeps_port_and_data(own: LocalPostgres) -> None:
    own.start()
    url = own.create("kept", "kept", "kept")
    own.start()
    own.stop()
    assert not own.running
    again = LocalPostgres(own.folder, durable=False)
    again.start()
    assert again.running
    assert one(url, "SELECT current_user") == "kept"
    again.stop()


def test_a_second_object_finds_the_running_server(server: LocalPostgres) -> None:
    other = LocalPostgres(server.folder)
    assert other.running
    assert other.url() == server.url()


def test_killed_server_starts_again(own: LocalPostgres) -> None:
    own.start()
    pid = int((own.data / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
    assert not own.running
    own.start()
    assert one(own.url(), "SELECT 1") == 1


def test_a_pid_file_whose_number_is_another_programs_is_stale(own: LocalPostgres) -> None:
    own.start()
    own.stop()
    (own.data / "postmaster.pid").write_text(f"{os.getpid()}\n{own.data}\n0\n{own.port}\n\n127.0.0.1\n0\nready\n")
    assert not own.running
    own.start()
    assert one(own.url(), "SELECT 1") == 1


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(PortTaken, match=f"{port}.*PostgreSQL.*CHARTLINE_POSTGRES_PORT"):
            LocalPostgres(tmp_path, port=port, durable=False).start()


def test_a_remembered_port_that_was_lost_is_replaced(own: LocalPostgres) -> None:
    own.start()
    own.stop()
    with socket.create_server(("127.0.0.1", own.port)) as busy:
        own.start()
        assert own.port != busy.getsockname()[1]
        assert one(own.url(), "SELECT 1") == 1


def test_a_chosen_port_is_used(tmp_path: Path) -> None:
    port = free_port()
    with LocalPostgres(tmp_path, port=port, durable=False) as server:
        assert f":{port}/" in server.url()
        assert one(server.url(), "SHOW port") == str(port)


def test_a_half_made_cluster_is_made_anew(own: LocalPostgres) -> None:
    (own.folder / "data.new").mkdir(parents=True)
    (own.folder / "data.new" / "PG_VERSION").write_text("18")
    own.start()
    assert one(own.url(), "SELECT 1") == 1


def test_a_server_that_will_not_start_says_why(own: LocalPostgres) -> None:
    own.start()
    own.stop()
    (own.data / "postgresql.conf").write_text("no_such_setting = on\n")
    with pytest.raises(PostgresFailed, match="no_such_setting"):
        own.start()


def test_no_password_before_the_first_start(tmp_path: Path) -> None:
    with pytest.raises(WarehouseUnavailable, match="No PostgreSQL"):
        LocalPostgres(tmp_path / "nothing").url()
