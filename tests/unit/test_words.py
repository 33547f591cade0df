"""One word for one thing: no text that people read uses a word that docs/glossary.md does not use for it, and no class
name means two things."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from chartline.places import REPOSITORY

GLOSSARY = REPOSITORY / "docs" / "glossary.md"

ALLOWED = {
    ("docs/glossary.md", ""): "it lists them",
    ("docs/adr/", ""): "records of their time",
    ("docs/simulator.md", "song"): "what the API calls it, as the simulator serves it",
    ("include/chartline/soundcharts/", "song"): "what the API calls it",
    ("docs/schema.md", "song"): "the API's own words about its fields",
}
"""Where a word may stand all the same, and why. By the beginning of a path and the word; "" is any."""

Text = tuple[str, int, str]
"""A file, a line and what stands there."""


def forbidden(glossary: str) -> dict[str, str]:
    """Word to what is used instead, of the tables whose last column is `not`, and of *Instead of*."""
    words: dict[str, str] = {}
    for line in glossary.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[0] not in ("word", "---"):
            words |= {word.strip(): cells[0] for word in cells[2].split(",") if word.strip()}
        elif len(cells) == 2 and cells[0] not in ("not", "---"):
            words[cells[0]] = cells[1]
    return words


def found(texts: Iterable[Text], words: dict[str, str]) -> list[str]:
    """Each place of a forbidden word, as people like to read it."""
    spelled = {word: r"\s+".join(re.escape(part) for part in word.split()) for word in words}
    patterns = {word: re.compile(rf"\b{letters}s?\b", re.IGNORECASE) for word, letters in spelled.items()}
    return [
        f"{file}:{line}: {match[0]} (write: {words[word]})"
        for file, line, text in texts
        for word, pattern in patterns.items()
        if not any(file.startswith(path) and of in ("", word) for path, of in ALLOWED)
        for match in pattern.finditer(text)
    ]


NAME = re.compile(r"(?<!`)`[^`\n]+`")
"""What stands in backticks: names of our own, of other programs and of the API."""


# -- texts that people read -----------------------------------------------------------------------------------


def prose(path: Path) -> Iterator[Text]:
    """A document's paragraphs, without the names in it."""
    text = re.sub(NAME, "…", path.read_text())
    for match in re.finditer(r"(?:.+\n?)+", text):
        yield str(path.relative_to(REPOSITORY)), text.count("\n", 0, match.start()) + 1, match[0]


def sources(path: Path) -> Iterator[Text]:
    """The strings of a Python file that are more than a name, docstrings and texts with values in them too, and its
    comments."""
    name, text = str(path.relative_to(REPOSITORY)), path.read_text()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values]
            yield name, node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield name, node.lineno, re.sub(NAME, "…", node.value)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield name, token.start[0], token.string


def described() -> Iterator[Text]:
    """What the REST API says of itself."""
    path = REPOSITORY / "docs" / "reference" / "openapi.json"
    for number, line in enumerate(path.read_text().splitlines(), 1):
        for text in re.findall(r'"(?:summary|description)": (".*"),?$', line):
            yield str(path.relative_to(REPOSITORY)), number, re.sub(NAME, "…", json.loads(text))


def every_text() -> Iterator[Text]:
    documents = [REPOSITORY / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY")]
    documents += (REPOSITORY / "docs").glob("**/*.md")
    pages = REPOSITORY / "plugins" / "chartline_airflow" / "web" / "pages"
    for path in sorted([*documents, *pages.glob("static/*.js"), *pages.glob("templates/*.html")]):
        yield from prose(path)
    for folder in ("include/chartline", "plugins", "dags"):
        for path in sorted((REPOSITORY / folder).glob("**/*.py")):
            if "migrations" not in path.parts:  # never changed once released
                yield from sources(path)
    yield from described()


# -- tests ----------------------------------------------------------------------------------------------------


def test_no_text_uses_a_second_word() -> None:
    assert found(every_text(), forbidden(GLOSSARY.read_text())) == []


def test_texts_of_every_kind_are_read() -> None:
    kinds = {file.rpartition(".")[2] for file, _, _ in every_text()}
    assert kinds == {"md", "js", "html", "py", "json"}
    assert len(forbidden(GLOSSARY.read_text())) > 40


@pytest.mark.parametrize("word", forbidden(GLOSSARY.read_text()))
def test_each_of_these_words_is_found(word: str) -> None:
    words = forbidden(GLOSSARY.read_text())
    sample = [("docs/x.md", 1, f"It is {word.upper()}, so to speak.")]
    assert any(f"docs/x.md:1: {word.upper()} (write: {words[word]})" == line for line in found(sample, words))


def test_a_word_is_found_across_lines_and_in_the_plural() -> None:
    words = {"the source": "Soundcharts", "song": "track"}
    text = [("include/chartline/x.py", 3, "what the\n    source has of songs")]
    assert found(text, words) == [
        "include/chartline/x.py:3: the\n    source (write: Soundcharts)",
        "include/chartline/x.py:3: songs (write: track)",
    ]


def test_where_a_word_may_stand_it_is_not_found() -> None:
    text = [("include/chartline/soundcharts/models.py", 1, "a song"), ("include/chartline/soundcharts.py", 1, "a song")]
    assert found(text, {"song": "track"}) == ["include/chartline/soundcharts.py:1: song (write: track)"]


# -- names ----------------------------------------------------------------------------------------------------


def twice(texts: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Classes of the same name, by name, with the files that have them."""
    files: dict[str, list[str]] = {}
    for file, text in texts:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                files.setdefault(node.name, []).append(file)
    return {name: places for name, places in files.items() if len(places) > 1}


def test_no_class_name_means_two_things() -> None:
    paths = [path for folder in ("include/chartline", "plugins") for path in (REPOSITORY / folder).glob("**/*.py")]
    assert twice((str(path.relative_to(REPOSITORY)), path.read_text()) for path in sorted(paths)) == {}


def test_a_class_name_that_means_two_things_is_found() -> None:
    assert twice([("a.py", "class Range: ..."), ("b.py", "class Range: ..."), ("c.py", "class Part: ...")]) == {
        "Range": ["a.py", "b.py"]
    }
