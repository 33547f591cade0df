"""No SQL is built from text that came from outside: whatever is put into a statement is a parameter, a literal of our
own, an identifier that psycopg quotes, or a whole number."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chartline.places import REPOSITORY

STATEMENT = re.compile(
    r"\s*\(?\s*(select|insert|update|delete|with|create|alter|drop|truncate|copy|set|grant|revoke)\b", re.IGNORECASE
)
LOOKED_THROUGH = {
    ("local/postgres.py", "rights"): "a literal of the line before",
    ("warehouse/changes.py", "where"): "a literal of the same function",
    ("warehouse/executions.py", "sets"): "made from the names of a dataclass's fields",
    ("warehouse/privileges.py", "text"): "of three literals",
    ("warehouse/reads/charts.py", "_from(values)"): "chooses among literals by which values are given",
    ("warehouse/reads/charts.py", "value"): "of a table of literals",
    ("warehouse/reads/charts.py", "name"): "of a table of literals",
    ("warehouse/reads/entities.py", "genres"): "a literal, in which a literal is put",
    ("warehouse/reads/entities.py", "wanted"): "of a table of literals",
    ("warehouse/reads/failing.py", "_begun('x')"): "a literal, for one of two names",
    ("warehouse/reads/failing.py", "_begun('e')"): "a literal, for one of two names",
    ("warehouse/reads/health.py", "broke_down('x')"): "a literal, for a name",
}
"""By file and expression: what a person has looked through, and what it is."""

CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")


def offences(text: str) -> Iterator[tuple[int, str]]:
    """Lines where a statement is put together from something else, and from what."""
    tree = ast.parse(text)
    literals = _literals(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and _begins_as_statement(node):
            for part in node.values:
                if isinstance(part, ast.FormattedValue) and not _is_our_own(part, literals):
                    yield node.lineno, ast.unparse(part.value)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add) and _is_statement(node.left):
            if not (isinstance(node.op, ast.Add) and _is_literal(node.right, literals)):
                yield node.lineno, ast.unparse(node.right)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "format" and _is_statement(node.func.value):
                yield node.lineno, "format"
            if node.func.attr == "SQL" and node.args and not _is_literal(node.args[0], literals):
                yield node.lineno, ast.unparse(node.args[0])


def _literals(tree: ast.AST) -> set[str]:
    """Names that the file says are literals."""
    found = set()
    for node in ast.walk(tree):
        annotation = getattr(node, "annotation", None)
        if annotation is not None and "LiteralString" in ast.unparse(annotation):
            target = node.target if isinstance(node, ast.AnnAssign) else node
            found.add(target.id if isinstance(target, ast.Name) else getattr(target, "arg", ""))
    return found


def _begins_as_statement(node: ast.JoinedStr) -> bool:
    first = node.values[0]
    return isinstance(first, ast.Constant) and bool(STATEMENT.match(str(first.value)))


def _is_statement(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(STATEMENT.match(node.value))


def _is_our_own(part: ast.FormattedValue, literals: set[str]) -> bool:
    spec = part.format_spec
    if isinstance(spec, ast.JoinedStr) and [getattr(one, "value", "") for one in spec.values] == ["d"]:
        return True  # anything but a whole number is refused by the format itself
    return _is_literal(part.value, literals)


def _is_literal(node: ast.AST, literals: set[str]) -> bool:
    match node:
        case ast.Constant():
            return True
        case ast.Name(id=name):
            return bool(CONSTANT.fullmatch(name)) or name in literals
        case ast.Attribute(attr=name):
            return bool(CONSTANT.fullmatch(name)) or name in literals
        case ast.Subscript(value=value):  # of a table of literals
            return _is_literal(value, literals)
        case ast.JoinedStr(values=values):
            return all(not isinstance(one, ast.FormattedValue) or _is_our_own(one, literals) for one in values)
        case ast.IfExp(body=one, orelse=other):
            return _is_literal(one, literals) and _is_literal(other, literals)
        case ast.BinOp(left=left, right=right):
            return _is_literal(left, literals) and _is_literal(right, literals)
    return False


def sources() -> list[Path]:
    """Files that speak with PostgreSQL."""
    found = [path for root in ("include/chartline", "plugins", "dags") for path in (REPOSITORY / root).rglob("*.py")]
    return [path for path in found if ".execute" in (text := path.read_text(encoding="utf-8")) or "psycopg" in text]


def test_no_statement_is_built_from_text() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{line}: {what}"
        for path in sorted(sources())
        for line, what in offences(path.read_text(encoding="utf-8"))
        if (str(path).partition("include/chartline/")[2], what) not in LOOKED_THROUGH
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        'conn.execute(f"select * from {table}")',
        "conn.execute(\"select * from t where name = '%s'\" % name)",
        'conn.execute("select * from " + name)',
        'conn.execute("select {}".format(name))',
        "sql.SQL(name)",
        'sql.SQL(f"{name} desc")',
        'query = f"delete from t where id = {id}"',
    ],
)
def test_what_is_built_from_text_is_found(text: str) -> None:
    assert list(offences(text))


@pytest.mark.parametrize(
    "text",
    [
        'conn.execute("select * from t where name = %s", [name])',
        'conn.execute(f"select {_COLUMNS} from t")',
        "conn.execute(f\"set statement_timeout = '{seconds:d}s'\")",
        'sql.SQL("select {}").format(sql.Identifier(name))',
        'where: LiteralString = "from t"\nconn.execute(f"select * {where}")',
    ],
)
def test_what_is_our_own_is_not(text: str) -> None:
    assert not list(offences(text))
