"""What history needs: when the past was asked for, when a ranking was not there yet, what a run could not have."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the files beside this one, as they are: no part of them is a parameter."""
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    for name in ("0002_history.sql", "0002_views.sql"):
        driver.execute(Path(__file__).with_name(name).read_text(encoding="utf-8"))
