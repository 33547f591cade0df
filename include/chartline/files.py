"""Files that are their owner's alone, whatever the umask."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

UMASK = 0o077
"""Of every program that is started: what it writes is its owner's alone."""


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner can look into."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def private(path: str, flags: int) -> int:
    """An opener for `open`: a file that is made is its owner's alone, whatever the umask."""
    return os.open(path, flags, 0o600)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(name).replace(path)
