"""A kind of alert more: work that waits for a person's answer."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Says so where the kinds are described."""
    op.execute(
        "comment on column chartline.alert.kind is"
        " 'failed_run, overdue, quota, quarantine, credentials, slow_run, field_gone or approval.'"
    )
