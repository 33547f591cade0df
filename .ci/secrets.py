"""Refuse files that hold a secret. Usage: secrets.py FILE...

The search is that of detect-secrets, with all its rules and ours (headers.py), and asks nobody whether a key is live.
What tests make up must look made up: words, with at most a short number (`wrong-key-9876`). A line that cannot ends
with the comment: pragma: allowlist secret
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from detect_secrets.core import scan
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.settings import transient_settings

HEADERS = Path(__file__).with_name("headers.py")
MADE_UP = re.compile(r"[A-Za-z]+(?:[-_ @][A-Za-z]+|[-_ ]?\d{1,5})*")
PASSWORDS = {"Secret Keyword", "Basic Auth Credentials"}  # of which the value can be anything
NPM_SUM = r'^ +"integrity": "sha512-[A-Za-z0-9+/]{86}==",$'  # of a file, as package-lock.json has it
IN_TEXTS = {"password", "soundcharts", "API key or client secret"}
"""What stands for a secret in texts of the product, and the simulator's password, which its own pages tell."""


def settings() -> dict[str, object]:
    """Every rule there is, and of the filters those that look at the line, not at the network."""
    rules = [{"name": rule.__name__} for rule in get_mapping_from_secret_type_to_class().values()]
    get_mapping_from_secret_type_to_class.cache_clear()  # it is asked again with ours
    heuristics = (
        "is_indirect_reference", "is_likely_id_string", "is_not_alphanumeric_string", "is_potential_uuid",
        "is_prefixed_with_dollar_sign", "is_sequential_string", "is_templated_secret",
    )  # fmt: skip
    return {
        "plugins_used": [*rules, {"name": "HeaderDetector", "path": f"file://{HEADERS}"}],
        "filters_used": [
            {"path": "detect_secrets.filters.allowlist.is_line_allowlisted"},
            *({"path": f"detect_secrets.filters.heuristic.{name}"} for name in heuristics),
            {"path": "detect_secrets.filters.regex.should_exclude_line", "pattern": [NPM_SUM]},
        ],
    }


def made_up(path: Path, secret: str) -> bool:
    """Whether a password stands for one and is none."""
    in_tests = not {"tests", "benchmarks"}.isdisjoint(path.parts)
    return secret in IN_TEXTS or (in_tests and bool(MADE_UP.fullmatch(secret)))


def findings(path: Path) -> Iterator[str]:
    """`file:line: what it looks like`, for each suspicious line. The line itself is not shown."""
    for found in scan.scan_file(str(path)):
        if found.type not in PASSWORDS or not made_up(path, found.secret_value or ""):
            yield f"{path}:{found.line_number}: looks like: {found.type}"


def main(names: list[str]) -> int:
    """Exit code 1, with the places on stdout, when any file is suspicious; 2 when there is nothing to search."""
    paths = [path for path in map(Path, names) if path.is_file()]
    if not paths:
        print("no file to search was named")
        return 2
    with transient_settings(settings()):
        found = sorted({line for path in paths for line in findings(path)})
    print("\n".join(found) if found else f"no secret in {len(paths)} files")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
