"""The warehouse's schema: bringing it up to date, and refusing to work on another one.

Migrations go forward only and live below `migrations/` (Alembic).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from chartline.errors import SchemaMismatch
from chartline.warehouse import partitions, privileges
from chartline.warehouse.connect import connect

if TYPE_CHECKING:
    from sqlalchemy import Connection

MIGRATIONS = Path(__file__).parent / "migrations"
SCHEMA = "chartline"
LOCK = 0x43480001


@cache
def head() -> str:
    """The revision that this code was written for: the highest number among the files of `migrations/versions`."""
    return max(path.stem for path in (MIGRATIONS / "versions").glob("[0-9]*.py")).split("_")[0]


def current(conn: psycopg.Connection) -> str | None:
    """The warehouse's revision, None when it was never migrated. One query."""
    try:
        with conn.transaction():
            row = conn.execute("select version_num from chartline.alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return row[0] if row else None


def check(conn: psycopg.Connection) -> None:
    """Raises SchemaMismatch, naming the command that mends it, unless the warehouse is at `head()`. One query."""
    revision = current(conn)
    if revision == head():
        return
    if revision is None:
        raise SchemaMismatch("The warehouse has no Chartline schema yet.", advice="Run: chartline migrate")
    if revision < head():
        raise SchemaMismatch(
            f"The warehouse's schema is at {revision}, older than this code, which needs {head()}.",
            advice="Run: chartline migrate",
        )
    raise _newer(revision)


def migrate(dsn: str) -> tuple[str | None, str]:
    """Brings the warehouse of `dsn` to `head()` and makes its standing partitions; returns (revision before, after).

    Forward only, in one transaction, one process at a time (the others wait). On a warehouse that is up to date it
    only adds the coming months' partitions and lets the role `chartline_reader`, where there is one, read. Raises
    SchemaMismatch for a schema of a newer Chartline, or one that holds tables but was not made by Chartline, and
    WarehouseUnavailable.
    """
    # Imported here: slow, and tasks, which only check, do without.
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(dsn), poolclass=NullPool)
    with engine.begin() as connection:
        conn = connection.connection.driver_connection
        assert isinstance(conn, psycopg.Connection)
        conn.execute("select pg_advisory_xact_lock(%s)", [LOCK])
        before = current(conn)
        if before is None:
            _refuse_unknown(conn)
            if not _exists(conn):  # not "if not exists": that would ask for a right the owner of the schema may lack
                conn.execute("create schema chartline")
        elif before > head():
            raise _newer(before)
        if before != head():
            upgrade(connection, head())
    with connect(dsn) as conn:
        partitions.ensure_standing(conn, datetime.now(UTC).date())
        privileges.let_read(conn)
    return before, head()


def _newer(revision: str) -> SchemaMismatch:
    return SchemaMismatch(
        f"The warehouse's schema is at {revision}, newer than this code, which knows {head()}.",
        advice="Install the newer Chartline here, then run: chartline migrate",
    )


def _exists(conn: psycopg.Connection) -> bool:
    return conn.execute("select 1 from pg_namespace where nspname = %s", [SCHEMA]).fetchone() is not None


def _refuse_unknown(conn: psycopg.Connection) -> None:
    rows = conn.execute(
        "select relname from pg_class where relnamespace = to_regnamespace(%s) and relkind in ('r', 'p', 'v', 'm')"
        " and relname <> 'alembic_version' order by relname limit 3",
        [SCHEMA],
    ).fetchall()
    if rows:
        names = ", ".join(name for (name,) in rows)
        raise SchemaMismatch(
            f"The database has a schema `chartline` that Chartline did not make ({names}); nothing was changed.",
            advice="Use another database, or rename that schema, then run: chartline migrate",
        )


def upgrade(connection: Connection, revision: str) -> None:
    """Runs the migrations up to `revision` in the transaction of `connection`. The schema `chartline` is there."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection  # env.py works inside our transaction, below our lock
    command.upgrade(config, revision)
