"""What looks wrong in what is stored."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the file beside this one, as it is: no part of it is a parameter."""
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(Path(__file__).with_name("0011_checks.sql").read_text(encoding="utf-8"))
