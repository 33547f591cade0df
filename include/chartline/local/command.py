"""`bin/chartline`: the command line on the installation that `bin/up` made."""

from __future__ import annotations

import json
import os
import sys

from chartline.local.home import state_folder


def main() -> None:
    """Become `python -m chartline.cli` with the connections of the last start; what is set by hand goes first."""
    kept = state_folder() / "secrets" / "environment.json"
    env = json.loads(kept.read_text()) if kept.exists() else {}
    os.execve(sys.executable, [sys.executable, "-m", "chartline.cli", *sys.argv[1:]], env | dict(os.environ))  # noqa: S606


if __name__ == "__main__":
    main()
