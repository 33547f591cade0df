"""The kind of a run, kept with its execution."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the file beside this one, as it is: no part of it is a parameter."""
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(Path(__file__).with_name("0008_kind_of_run.sql").read_text(encoding="utf-8"))
