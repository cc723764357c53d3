"""Lists stay as fast as a shop grows: people newest first, and messages that wait for the merchant."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes beside the running application: neither reading nor writing waits."""
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_customer_listed",
            "customer",
            ["shop_id", "first_seen_at", "id"],
            postgresql_where=sa.text("merged_into_id IS NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.create_index(
            "ix_message_parked",
            "message",
            ["shop_id", "id"],
            postgresql_where=sa.text("state = 'parked'"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    """Remove them."""
    with op.get_context().autocommit_block():
        op.drop_index("ix_message_parked", "message", postgresql_concurrently=True, if_exists=True)
        op.drop_index("ix_customer_listed", "customer", postgresql_concurrently=True, if_exists=True)
