"""Writing many rows at once, each column by its stated rule, so that nothing known is ever lost to a thinner answer.

Rows are copied into a staging table (temporary, one for each table and connection, empty again at each commit) and
merged from there by one statement in the order of the key: transactions that touch the same rows queue up instead of
deadlocking, as long as each goes through its tables in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from chartline.warehouse.connect import Connection, is_pooled
from chartline.warehouse.partitions import PARTITIONED

Row = Mapping[str, Any]

REFUSED = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)
"""What PostgreSQL says to a value that it cannot hold."""


class MergeRule(Enum):
    """What becomes of a column when a row that is there already is merged with a new one."""

    FILL = "the newest value that is not null"
    NAMED = "the newest value that is not empty"
    REPLACE = "the newest value, null too"
    FIRST = "the first value that is not null, for ever"
    LATEST = "the later of the two times; alone, this is no change of the row"
    STAMP = "the time at which another column last changed; written by the merge"
    GENERATED = "given by the database when the row is made, never written"


WRITTEN = (MergeRule.FILL, MergeRule.NAMED, MergeRule.REPLACE, MergeRule.FIRST, MergeRule.LATEST)


@dataclass(frozen=True)
class MergeTable:
    """A table, the columns that say which row is meant, and the rule of every other column."""

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, MergeRule] = field(default_factory=dict)
    hashed: tuple[str, ...] = ()
    """Columns of the key that may be longer than an index can hold: its unique index is on their md5."""

    @property
    def writable(self) -> tuple[str, ...]:
        """The columns that rows may name: the key and those whose rule takes a value."""
        return (*self.key, *(name for name, rule in self.columns.items() if rule in WRITTEN))


@dataclass(frozen=True)
class Merged:
    """Rows made, and rows of which a value changed. In a partitioned table both count as `created`: it cannot tell."""

    created: int = 0
    updated: int = 0

    def __add__(self, other: Merged) -> Merged:
        return Merged(self.created + other.created, self.updated + other.updated)

    @property
    def written(self) -> int:
        """Rows that are not as they were."""
        return self.created + self.updated


def merge(conn: Connection, table: MergeTable, rows: Iterable[Row]) -> Merged:
    """Merges `rows` into `table`, in the caller's transaction; rows that would not change are not touched.

    rows: {column: value}, all with the same columns: the key's and any others that the answer speaks of; columns left
    out keep their value (or get the table's default). Rows of one key are folded, in their order, by the same rules.
    Raises ValueError for a column that the table does not take, for rows that differ in their columns, and outside of
    a transaction.
    """
    columns = _stage(conn, table, rows)
    return _merge_staged(conn, table, columns) if columns else Merged()


def replace(conn: Connection, table: MergeTable, owner: Sequence[str], rows: Iterable[Row]) -> Merged:
    """As `merge`, and takes away the other rows of the same owners (`owner`: columns of the key).

    Owners without a row in `rows` are left alone: an answer that lists nothing takes nothing away. The caller has
    merged the owners' own rows before, which locks them, so that two answers about one owner do not mix.
    """
    columns = _stage(conn, table, rows)
    if not columns:
        return Merged()
    # The array says nothing that the two conditions do not: it leads the planner, who does not know how few rows are
    # staged, to the key's index instead of through the whole table.
    conn.execute(
        sql.SQL(
            "delete from {table} as t where t.{lead} = any(array(select distinct s.{lead} from {staging} as s))"
            " and exists (select from {staging} as s where {same_owner})"
            " and not exists (select from {staging} as s where {same_key})"
        ).format(
            table=_name(table),
            staging=_staging(table),
            lead=_id(owner[0]),
            same_owner=_equal(owner),
            same_key=_equal(table.key),
        )
    )
    return _merge_staged(conn, table, columns)


# -- staging -------------------------------------------------------------------------------------------------


def _stage(conn: Connection, table: MergeTable, rows: Iterable[Row]) -> tuple[str, ...]:
    """Copies the folded rows into the staging table; returns their columns, none when there is no row."""
    if conn.autocommit and conn.info.transaction_status == TransactionStatus.IDLE:
        raise ValueError(f"writing to {table.name} needs a transaction: the staged rows live as long as it does")
    batch = _fold(table, rows)
    if not batch:
        return ()
    columns = tuple(batch[0])
    if unknown := set(columns) - set(table.writable):
        raise ValueError(f"{table.name} takes no {', '.join(sorted(unknown))}")
    conn.execute(
        sql.SQL(
            "create temp table if not exists {staging} on commit {end} as select {columns} from {table} with no data"
        ).format(
            staging=sql.Identifier(f"staged_{table.name}"),
            # A pooler's sessions outlive ours, and a migration: they keep no table.
            end=sql.SQL("drop" if is_pooled(conn) else "delete rows"),
            columns=_columns(table.writable),
            table=_name(table),
        )
    )
    into = sql.SQL("copy {} ({}) from stdin").format(_staging(table), _columns(columns))
    with conn.cursor() as cursor, cursor.copy(into) as copy:
        for row in batch:
            copy.write_row([row[column] for column in columns])
    return columns


def _fold(table: MergeTable, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """One row for each key: the batch is merged with itself first, by the same rules."""
    folded: dict[tuple[Any, ...], dict[str, Any]] = {}
    columns: set[str] = set()
    for row in rows:
        columns = columns or set(row)
        if set(row) != columns:
            raise ValueError(f"rows of {table.name} differ in their columns: {sorted(columns ^ set(row))}")
        key = tuple(row[column] for column in table.key)
        before = folded.get(key)
        folded[key] = dict(row) if before is None else {c: _fold_value(table, c, before[c], row[c]) for c in row}
    return list(folded.values())


def _fold_value(table: MergeTable, column: str, before: Any, new: Any) -> Any:
    match table.columns.get(column):
        case MergeRule.FILL:
            return before if new is None else new
        case MergeRule.NAMED:
            return new or before
        case MergeRule.FIRST:
            return new if before is None else before
        case MergeRule.LATEST:
            return max((at for at in (before, new) if at is not None), default=None)
    return new


# -- merging -------------------------------------------------------------------------------------------------


def _merge_staged(conn: Connection, table: MergeTable, columns: tuple[str, ...]) -> Merged:
    """Moves the staged rows into the table."""
    # `distinct on` is for two spellings of one key (a uuid in capitals): the last one copied wins.
    counted = conn.execute(
        sql.SQL(
            "with staged as (delete from {staging} returning ctid as arrived, *), merged as ("
            " insert into {table} as t ({columns})"
            " select distinct on ({key}) {columns} from staged order by {key}, arrived desc"
            " on conflict ({unique}) {resolution}"
            " returning {created} as created, {changed} as changed)"
            " select count(*) filter (where created), count(*) filter (where changed and not created) from merged"
        ).format(
            staging=_staging(table),
            table=_name(table),
            columns=_columns(columns),
            key=_columns(table.key),
            unique=sql.SQL(", ").join(
                sql.SQL("(md5({}))" if column in table.hashed else "{}").format(_id(column)) for column in table.key
            ),
            resolution=_resolution(table, columns),
            # Rows of a partitioned table do not show xmax, which is 0 where the row is new.
            created=sql.SQL("true" if table.name in PARTITIONED else "t.xmax = 0"),
            changed=_touched(table),
        )
    ).fetchone()
    assert counted is not None
    return Merged(*counted)


def _resolution(table: MergeTable, columns: tuple[str, ...]) -> sql.Composable:
    """What happens to a row that is there already."""
    values = {c: _value(table.columns[c], c) for c in columns if c not in table.key}
    if not values:
        return sql.SQL("do nothing")
    differs = {c: sql.SQL("t.{} is distinct from {}").format(_id(c), value) for c, value in values.items()}
    told: list[sql.Composable] = [d for c, d in differs.items() if table.columns[c] is not MergeRule.LATEST]
    changed = sql.SQL(" or ").join(told or [_FALSE])
    assignments = [sql.SQL("{} = {}").format(_id(c), value) for c, value in values.items()]
    assignments += [
        sql.SQL("{0} = case when {1} then statement_timestamp() else t.{0} end").format(_id(c), changed)
        for c in _stamps(table)
    ]
    return sql.SQL("do update set {} where {}").format(
        sql.SQL(", ").join(assignments), sql.SQL(" or ").join(differs.values())
    )


_TRUE, _FALSE = sql.SQL("true"), sql.SQL("false")
_VALUES = {
    MergeRule.FILL: sql.SQL("coalesce(excluded.{0}, t.{0})"),
    MergeRule.NAMED: sql.SQL("coalesce(nullif(excluded.{0}, ''), t.{0})"),
    MergeRule.REPLACE: sql.SQL("excluded.{0}"),
    MergeRule.FIRST: sql.SQL("coalesce(t.{0}, excluded.{0})"),
    MergeRule.LATEST: sql.SQL("greatest(t.{0}, excluded.{0})"),
}


def _value(rule: MergeRule, column: str) -> sql.Composed:
    return _VALUES[rule].format(_id(column))


def _touched(table: MergeTable) -> sql.Composed:
    """Whether this statement changed more of a written row than its times: then it stamped it."""
    stamped: list[sql.Composable] = [sql.SQL("t.{} = statement_timestamp()").format(_id(c)) for c in _stamps(table)]
    return sql.SQL(" and ").join(stamped or [_TRUE])


def _stamps(table: MergeTable) -> list[str]:
    return [column for column, rule in table.columns.items() if rule is MergeRule.STAMP]


# -- names ---------------------------------------------------------------------------------------------------


def _id(column: str) -> sql.Identifier:
    return sql.Identifier(column)


def _name(table: MergeTable) -> sql.Identifier:
    return sql.Identifier("chartline", table.name)


def _staging(table: MergeTable) -> sql.Identifier:
    return sql.Identifier("pg_temp", f"staged_{table.name}")


def _columns(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _equal(columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(" and ").join(sql.SQL("s.{0} = t.{0}").format(_id(c)) for c in columns)
