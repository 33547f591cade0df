"""Words on the command line that nobody means: refused in a line, exit code not 0, no trace of Python."""

from __future__ import annotations

import psycopg
import pytest
from tests.hostile import MEGABYTE, TEXTS

from ..conftest import Say

COMMANDS = [
    ("schedules", "add", "{}"),
    ("schedules", "change", "day", "--cron", "{}"),
    ("schedules", "change", "day", "--track-platforms", "{}"),
    ("schedules", "change", "day", "--history-days", "{}"),
    ("schedules", "remove", "{}"),
    ("schedules", "apply", "{}"),
    ("charts", "search", "{}"),
    ("estimate", "{}"),
    ("gaps", "{}"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_words_that_nobody_means(say: Say, conn: psycopg.Connection, words: tuple[str, ...]) -> None:
    say("schedules", "add", "day")
    for text in (*TEXTS, MEGABYTE, "9" * 5_000, "-" + "9" * 40):
        if "\0" in text:
            continue  # no program can be given it
        code, out, err = say(*(word.format(text) for word in words))
        said = out + err
        assert "Traceback" not in said, (words, text[:30], said[-500:])
        assert all(letter.isprintable() or letter in "\n\t" for letter in said), (words, text[:30], said)
        assert len(said) < 30_000, (words, text[:30])
        assert code in (0, 1, 2)
        if words[0] == "schedules":
            assert code != 0, (words, text[:30])
    row = conn.execute("select count(*) from chart_sync_schedule").fetchone()
    assert row == (1,), "nothing was followed or removed"
