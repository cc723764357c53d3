"""The merchant's pages stay as fast as a shop grows: journeys, filters of messages, search, health and preview."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_enrolment_active": ("enrolment", ["shop_id", "journey_id"], "state = 'active'"),
    "ix_message_journey": ("message", ["shop_id", "journey_id", "planned_at"], None),
    "ix_attempt_begun": ("attempt", ["shop_id", "begun_at"], None),
    "ix_decision_door": ("decision", ["shop_id", "journey_id", "at"], "step = 'trigger'"),
    "ix_decision_unwritten": ("decision", ["shop_id", "at"], "outcome = 'skipped' AND message_id IS NULL"),
}


def upgrade() -> None:
    """Add the indexes beside the running application: neither reading nor writing waits."""
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_customer_email_begins",
            "customer",
            ["shop_id", "email"],
            postgresql_ops={"email": "text_pattern_ops"},
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        for name, (table, columns, where) in INDEXES.items():
            op.create_index(
                name,
                table,
                columns,
                postgresql_where=None if where is None else sa.text(where),
                postgresql_concurrently=True,
                if_not_exists=True,
            )


def downgrade() -> None:
    """Remove them."""
    with op.get_context().autocommit_block():
        op.drop_index("ix_customer_email_begins", "customer", postgresql_concurrently=True, if_exists=True)
        for name, (table, _columns, _where) in INDEXES.items():
            op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
