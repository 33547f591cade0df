"""`python -m chartline.cli`."""

from __future__ import annotations

import sys

from chartline.cli import main

if __name__ == "__main__":
    sys.exit(main())
