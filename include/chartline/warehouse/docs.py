"""The reference of the warehouse (`docs/schema.md`), read from a live database and from the merge rules.

A diagram of the tables (Mermaid), then each table and view with its columns. The prose is the database's own comments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.rows import class_row

from chartline.warehouse import schema
from chartline.warehouse.connect import Connection, connect
from chartline.warehouse.merge import MergeRule
from chartline.warehouse.tables import MERGED

HEAD = """\
# The warehouse

<!-- Made from the database by `chartline docs`. Do not edit: change the migration's comments and make it again. -->

Schema `chartline`, revision {revision}. Days are UTC days; every time has a zone. Uuids, slugs and codes are the API's.

```sql
select position, track_name, artists from chartline.latest_ranking where chart = 'demo-global-daily' order by position;
```
"""
RULES = """\
## Merge rules

Answers are merged into what is there; the column *rule* says what becomes of a value.

| rule | the column keeps |
|---|---|
| key | which row is meant |
{rules}

Links (artists, genres, labels, credits) are replaced by a list that is not empty; an empty one takes nothing away.
"""


@dataclass(frozen=True)
class Relation:
    """A table or a view. `kind`: r table, p partitioned table, v view."""

    oid: int
    name: str
    kind: str
    comment: str
    partitioned_by: str | None


@dataclass(frozen=True)
class Column:
    """A column, its type as SQL writes it."""

    table: str
    name: str
    type: str
    required: bool
    default: str
    comment: str


@dataclass(frozen=True)
class Constraint:
    """A primary key (p), unique (u), foreign key (f) or check (c), in SQL; `target` is a foreign key's table."""

    table: str
    kind: str
    definition: str
    columns: list[str]
    target: str | None


def render(conn: Connection) -> str:
    """The whole reference as Markdown. Raises SchemaMismatch when the database is not at this code's revision."""
    schema.check(conn)
    relations = _fetch(conn, Relation, _RELATIONS)
    columns = _by_table(_fetch(conn, Column, _COLUMNS))
    constraints = _by_table(_fetch(conn, Constraint, _CONSTRAINTS))
    indexes = dict(conn.execute(_INDEXES).fetchall())
    tables = [r for r in relations if r.kind != "v"]
    parts = [
        HEAD.format(revision=schema.head()),
        _diagram(tables, columns, constraints),
        RULES.format(rules="\n".join(f"| {rule.name.lower()} | {rule.value} |" for rule in MergeRule)),
        "## Tables\n",
        *(_table(r, columns[r.name], constraints.get(r.name, []), indexes.get(r.name, [])) for r in tables),
        "## Views\n",
        *(_view(r, columns[r.name]) for r in relations if r.kind == "v"),
    ]
    return "\n".join(parts)


def write(url: str, path: Path) -> bool:
    """Writes the reference of the warehouse at `url` to `path`; returns whether the file changed."""
    with connect(url) as conn:
        text = render(conn)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8")
    return True


def is_current(url: str, path: Path) -> bool:
    """Whether `path` says what the warehouse at `url` is."""
    with connect(url) as conn:
        return path.exists() and path.read_text(encoding="utf-8") == render(conn)


# -- sections ------------------------------------------------------------------------------------------------


def _diagram(tables: list[Relation], columns: dict[str, list[Column]], constraints: dict[str, list[Constraint]]) -> str:
    lines = ["## Diagram", "", "Keys only. A dotted line is a reference that the database does not enforce.", ""]
    lines += ["```mermaid", "erDiagram"]
    for table in tables:
        marks = _marks(constraints.get(table.name, []))
        lines.append(f"    {table.name} {{")
        lines += [
            f"        {column.type.replace(' ', '_')} {column.name} {', '.join(marks[column.name])}"
            for column in columns[table.name]
            if column.name in marks
        ]
        lines.append("    }")
    for table in tables:
        lines += _lines_from(table.name, columns[table.name], constraints.get(table.name, []))
    return "\n".join([*lines, "```", ""])


def _marks(constraints: list[Constraint]) -> dict[str, list[str]]:
    marks: dict[str, list[str]] = {}
    for constraint in constraints:
        for column in constraint.columns:
            if constraint.kind in "pfu":
                marks.setdefault(column, []).append({"p": "PK", "f": "FK", "u": "UK"}[constraint.kind])
    return marks


def _lines_from(table: str, columns: list[Column], constraints: list[Constraint]) -> Iterator[str]:
    """One line for each reference: many or one at this end, one or none at the other."""
    required = {column.name for column in columns if column.required}
    unique = [constraint.columns for constraint in constraints if constraint.kind in "pu"]
    enforced = [c for c in constraints if c.kind == "f"]
    for constraint in enforced:
        here = "|o" if constraint.columns in unique else "}o"
        there = "||" if required.issuperset(constraint.columns) else "o|"
        yield f'    {table} {here}--{there} {constraint.target} : "{", ".join(constraint.columns)}"'
    for column in columns:
        if column.name in ("track", "artist") and not any(column.name in c.columns for c in enforced):
            yield f'    {table} }}o..|| {column.name} : "{column.name}"'


def _table(table: Relation, columns: list[Column], constraints: list[Constraint], indexes: list[str]) -> str:
    merged = MERGED.get(table.name)
    head = ["column", "type", "null", "default", *(["rule"] if merged else []), "what it is"]
    lines = [f"### {table.name}", "", table.comment, "", _row(head), _row(["---"] * len(head))]
    for column in columns:
        rule = []
        if merged:
            rule = ["key" if column.name in merged.key else merged.columns[column.name].name.lower()]
        null = "" if column.required else "null"
        lines.append(_row([f"`{column.name}`", column.type, null, _code(column.default), *rule, column.comment]))
    lines.append("")
    if table.partitioned_by:
        lines.append(f"- partitioned by month: `{table.partitioned_by}`")
    lines += [f"- `{definition}`" for definition in (*(c.definition for c in constraints), *indexes)]
    return "\n".join([*lines, ""])


def _view(view: Relation, columns: list[Column]) -> str:
    lines = [f"### {view.name}", "", view.comment, "", _row(["column", "type", "what it is"]), _row(["---"] * 3)]
    lines += [_row([f"`{column.name}`", column.type, column.comment]) for column in columns]
    return "\n".join([*lines, ""])


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


# -- reading the catalogue -----------------------------------------------------------------------------------


def _fetch(conn: Connection, kind: type[Any], query: Any) -> list[Any]:
    with conn.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(query).fetchall()


def _by_table(rows: Iterable[Any]) -> dict[str, list[Any]]:
    grouped: dict[str, list[Any]] = {}
    for one in rows:
        grouped.setdefault(one.table, []).append(one)
    return grouped


_RELATIONS = """
select c.oid::bigint as oid, c.relname as name, c.relkind::text as kind,
       coalesce(obj_description(c.oid), '') as comment, pg_get_partkeydef(c.oid) as partitioned_by
from pg_class c
where c.relnamespace = 'chartline'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
  and c.relname <> 'alembic_version'
order by c.oid
"""
_COLUMNS = """
select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as required,
       case when a.attidentity <> '' then 'identity' else coalesce(pg_get_expr(d.adbin, d.adrelid), '') end as default,
       coalesce(col_description(c.oid, a.attnum), '') as comment
from pg_class c
join pg_attribute a on a.attrelid = c.oid
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relnamespace = 'chartline'::regnamespace and a.attnum > 0 and not a.attisdropped
order by c.oid, a.attnum
"""
_CONSTRAINTS = """
select c.relname as table, k.contype::text as kind, pg_get_constraintdef(k.oid) as definition,
       array(select a.attname::text from unnest(k.conkey) with ordinality as part(number, place)
             join pg_attribute a on a.attrelid = c.oid and a.attnum = part.number order by part.place) as columns,
       target.relname as target
from pg_constraint k
join pg_class c on c.oid = k.conrelid
left join pg_class target on target.oid = k.confrelid
where c.relnamespace = 'chartline'::regnamespace and k.contype in ('p', 'u', 'f', 'c') and not c.relispartition
order by c.oid, position(k.contype::text in 'pufc'), k.conname
"""
_INDEXES = """
select c.relname, array_agg('INDEX' || substring(pg_get_indexdef(i.indexrelid) from ' USING .*') order by i.indexrelid)
from pg_index i
join pg_class c on c.oid = i.indrelid
where c.relnamespace = 'chartline'::regnamespace and not c.relispartition
  and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u'))
group by c.relname
"""
