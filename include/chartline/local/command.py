"""`bin/chartline` and `bin/airflow`: the command line on the installation that `bin/up` made."""

from __future__ import annotations

import os
import sys

from chartline.errors import ChartlineError
from chartline.local import access, home


def main() -> int:
    """Become `python -m chartline.cli` with what the last start wrote down; the exit code when that cannot be."""
    words, folder = sys.argv[1:], home.state_folder()
    try:
        home.check(folder)
        wants_airflow = words[:1] == ["airflow"]
        env = access.airflow_command_env(folder) if wants_airflow else access.command_env(folder)
    except ChartlineError as error:
        print(f"{error.what}\n{error.advice}".rstrip(), file=sys.stderr)
        return 1
    return os.execve(sys.executable, [sys.executable, "-m", "chartline.cli", *words], env)  # noqa: S606


if __name__ == "__main__":
    sys.exit(main())
