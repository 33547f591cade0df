"""Refuse files that look as if they held a secret. Usage: secrets.py FILE...

A line that must look so (an example, a test) says why with the words: not a secret.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

PATTERNS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."),
    "an access key": re.compile(r"\b(AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|xox[abpr]-[A-Za-z0-9-]{20,})\b"),
    "a password or key": re.compile(
        r"""(?i)(password|passwd|secret|api_?key|fernet_key|token)["']?\s*[:=]\s*["']?(?=[^"'\s]*\d)[A-Za-z0-9+/_=-]{20,}"""
    ),
}
ALLOWED = "not a secret"


def findings(path: Path) -> Iterator[str]:
    """`file:line: what it looks like`, for each suspicious line. The line itself is not shown."""
    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, IsADirectoryError):
        return  # a picture or the like
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in PATTERNS.items():
            if ALLOWED not in line and pattern.search(line):
                yield f"{path}:{number}: looks like {what}"


def main(names: list[str]) -> int:
    """Exit code 1, with the places on stdout, when any file is suspicious."""
    found = [line for name in names for line in findings(Path(name))]
    print("\n".join(found), end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
