"""The warehouse's tables, and the views that answer the common questions."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the files beside this one, as they are: no part of them is a parameter."""
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    for name in ("0001_warehouse.sql", "0001_views.sql", "0001_comments.sql"):
        driver.execute(Path(__file__).with_name(name).read_text(encoding="utf-8"))
