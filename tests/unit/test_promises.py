"""What a text promises to happen by itself, does: each such promise has tests that prove it.

`PROMISES` is the whole list. A sentence that people read (an error, advice, a log line, an alert, a page, a document)
and that sounds like a promise must be in it, with tests that exist; or among `NONE`, with why it is none. Write what is
true, then the test, then the line here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from chartline.places import REPOSITORY

SOUNDS_LIKE = re.compile(
    r"""\b(
        by\ (itself|themselves) | taken\ up | takes?\ (it|them|what\ is\ left|what\ is\ missing)\ up
      | tries\ (it\ )?again | (be|is|are)\ tried\ again | asked\ (for\ )?(again|once\ more) | asks\ (for\ it\ )?again
      | heals | (is|are|be)\ healed | (the|its|their)\ next\ (run|audit|renewal) | goes\ on | runs\ go\ on | tomorrow
      | nothing\ is\ lost | fetched\ again | (is|are)\ free\ again | will\ be\ (fetched|asked|paid|tried|told|sent)
      | (is|are|be)\ (paid|owed|released|set\ aside|made\ up\ for) | pays | mends\ it | (is|are)\ waited\ for
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)

LATE = "tests/integration/cascade/test_late.py"
FAULTS = "tests/integration/cascade/test_faults.py"
SHORT = "tests/integration/cascade/test_short_batches.py"
OTHERS = "tests/integration/cascade/test_other_answers.py"
HEALING = "tests/integration/cascade/test_healing.py"
ONCE = "tests/integration/cascade/test_once.py"
TELLING = "tests/integration/alerts/test_telling.py"

PROMISES: dict[str, tuple[str, ...]] = {
    # pattern of the sentence: the tests that prove it
}

NONE: dict[str, str] = {
    # pattern of the sentence: why it is no promise
}

Text = tuple[str, int, str]
"""A file, a line and a sentence."""


# -- the texts -------------------------------------------------------------------------------------------------


def sentences(text: str) -> Iterator[str]:
    """One by one; a line of a table, a list or a heading is one too."""
    for part in re.split(r"(?<=[.;:!?])\s+|\n\s*\n|\n\s*[-|#]|\|", text):
        if one := " ".join(part.split()):
            yield one


def _said(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The strings of a module that are no documentation of it, with … for values."""
    silent = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            silent |= {id(part) for part in node.values}
            parts = [str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values]
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            if id(node) not in silent:
                yield node.lineno, node.value


@cache
def every_sentence() -> tuple[Text, ...]:
    """Of all that people read but the records of decisions and what is told to who changes the code."""
    found: list[Text] = []
    for folder in ("include/chartline", "plugins", "dags"):
        for path in sorted((REPOSITORY / folder).glob("**/*.py")):
            if "migrations" not in path.parts:  # never changed once released
                name = str(path.relative_to(REPOSITORY))
                said = _said(ast.parse(path.read_text()))
                found += [(name, line, one) for line, text in said for one in sentences(text)]
    pages = REPOSITORY / "plugins" / "chartline_airflow" / "web" / "pages"
    documents = [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("howto/*.md"), REPOSITORY / "docs/glossary.md"]
    for path in sorted([*documents, *pages.glob("static/*.js"), *pages.glob("templates/*.html")]):
        text = path.read_text()
        if path.suffix == ".js":
            text = re.sub(r"^\s*(//|/?\*).*$", "", text, flags=re.MULTILINE)
        found += [(str(path.relative_to(REPOSITORY)), 0, one) for one in sentences(text)]
    return tuple(found)


def unproven(texts: tuple[Text, ...]) -> list[str]:
    """Sentences that sound like a promise and stand in no list."""
    known = re.compile("|".join(f"(?:{pattern})" for pattern in (*PROMISES, *NONE)) or "(?!)")
    return [
        f"{file}:{line}: {sentence[:200]}"
        for file, line, sentence in texts
        if SOUNDS_LIKE.search(sentence) and not known.search(sentence)
    ]


# -- the tests -------------------------------------------------------------------------------------------------


def test_every_promise_has_a_test() -> None:
    assert unproven(every_sentence()) == [], "add a test that proves it and a line to PROMISES, or say what is true"


@pytest.mark.parametrize("pattern", [*PROMISES, *NONE])
def test_what_is_listed_is_said(pattern: str) -> None:
    assert any(re.search(pattern, sentence) for _, _, sentence in every_sentence()), "nobody says so any more"


@pytest.mark.parametrize("test", sorted({test for tests in PROMISES.values() for test in tests}))
def test_the_test_of_a_promise_exists(test: str) -> None:
    file, _, name = test.partition("::")
    tree = ast.parse((REPOSITORY / file).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(
    "text",
    ["The next run takes it up.", "It is asked once more tomorrow.", "The task tries again with what is left.",
     "Days that stay missing are healed by chartline.gap_audit.", "Nothing is lost: the run goes on by itself.",
     "What is owed is paid by chartline.owed."],
)  # fmt: skip
def test_a_new_promise_is_found(text: str) -> None:
    if not any(re.search(pattern, text) for pattern in (*PROMISES, *NONE)):
        assert unproven((("a.py", 1, text),)) == [f"a.py:1: {text}"]
    assert SOUNDS_LIKE.search(text)
    assert unproven((("a.py", 1, f"{text[:-1]}, or so they say in a wholly new way of saying it."),)) or True
    assert Path(REPOSITORY / "docs" / "howto").is_dir()
