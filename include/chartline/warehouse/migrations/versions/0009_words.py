"""The words of the glossary in the comments on tables and columns."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the file beside this one, as it is: no part of it is a parameter."""
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(Path(__file__).with_name("0009_words.sql").read_text(encoding="utf-8"))
