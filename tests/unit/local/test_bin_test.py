"""bin/test: both of its parts, what its last line says, its exit code, and another time of day."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chartline.places import REPOSITORY

GOOD, BAD = "def test_it(): pass\n", "def test_it(): raise ValueError\n"
DAY = "from datetime import UTC, datetime\ndef test_it(): assert datetime.now(UTC).date().isoformat() == '2028-02-29'\n"


class Suite:
    """A repository with one test without an installation and one with; run by our bin/test in our environment."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder / "repository", folder / "path"
        for name in ("bin", "tests/clock", "tests/e2e"):
            (self.folder / name).mkdir(parents=True)
        for name in ("bin/test", "bin/venv.sh", "tests/clock/shift.c", "tests/conftest.py", "pyproject.toml"):
            shutil.copy(REPOSITORY / name, self.folder / name)
        for name in ("include", "plugins", "dags", *(path.name for path in REPOSITORY.glob("requirements*"))):
            (self.folder / name).symlink_to(REPOSITORY / name)
        self.path.mkdir()
        for name in ("chromium", "chromedriver"):  # none of these tests opens a page
            (self.path / name).touch(mode=0o755)

    def write(self, *, first: str, second: str) -> None:
        (self.folder / "tests" / "test_first.py").write_text(first)
        (self.folder / "tests" / "e2e" / "test_second.py").write_text(
            f"import pytest\npytestmark = pytest.mark.e2e\n{second}"
        )

    def run(self, *words: str) -> tuple[int, str]:
        """Exit code and last line."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTEST", "CHARTLINE", "COVERAGE"))
        }
        done = subprocess.run(
            [self.folder / "bin" / "test", *words],
            env=environment
            | {"CHARTLINE_HOME": str(Path(sys.prefix).parent), "PATH": f"{self.path}:{os.environ['PATH']}"},
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, (done.stdout + done.stderr).splitlines()[-1]


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite(tmp_path)


@pytest.mark.parametrize(
    ("first", "second", "code", "said"),
    [
        (BAD, GOOD, 1, "without installations: FAILED (1 failed); whole installations: 1 passed"),
        (GOOD, BAD, 1, "without installations: 1 passed; whole installations: FAILED (1 failed)"),
        (GOOD, GOOD, 0, "without installations: 1 passed; whole installations: 1 passed"),
        (GOOD, "", 0, "without installations: 1 passed; whole installations: no test chosen"),
    ],
)
def test_the_second_part_runs_whatever_becomes_of_the_first(
    suite: Suite, first: str, second: str, code: int, said: str
) -> None:
    suite.write(first=first, second=second)
    assert suite.run("-n0") == (code, f"bin/test, {said}")


def test_words_that_choose_no_test_are_no_success(suite: Suite) -> None:
    suite.write(first=GOOD, second=GOOD)
    assert suite.run("-n0", "-k", "nothing_like_it", "--no-e2e") == (
        5,
        "bin/test, without installations: no test chosen",
    )
    assert suite.run("tests/test_first.py") == (0, "bin/test, the tests chosen: 1 passed")


def test_coverage_below_the_floor_fails_where_the_whole_part_ran(suite: Suite) -> None:
    suite.write(first=f"import chartline.domain.grid\n{GOOD}", second=GOOD)
    code, said = suite.run("-n0", "--coverage", "--no-e2e")
    assert (code, said) == (2, "bin/test, without installations: 1 passed; coverage FAILED")
    assert suite.run("--coverage", "tests/test_first.py") == (0, "bin/test, the tests chosen: 1 passed")


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("cc"), reason="needs Linux and a C compiler")
def test_at_another_time(suite: Suite) -> None:
    suite.write(first=DAY, second=GOOD)
    assert suite.run("-n0", "--at", "2028-02-29T12:00", "--no-e2e") == (0, "bin/test, without installations: 1 passed")
    code, said = suite.run("--at=tomorrow")
    assert code == 1
    assert re.fullmatch(r"bin/test --at wants a time, such as \S+, not: tomorrow", said)
