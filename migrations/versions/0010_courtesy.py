"""What people choose, and when we leave them alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import walls

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What people choose, and when we leave them alone."""
    op.create_table(
        "preference",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("topics_off", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("frequency", sa.Text(), server_default="all", nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("frequency IN ('all', 'weekly', 'less')", name=op.f("ck_preference_frequency")),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_preference_shop_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["shop_id", "customer_id"],
            ["customer.shop_id", "customer.id"],
            name=op.f("fk_preference_shop_id_customer_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_preference")),
    )
    op.create_index("ix_preference_customer", "preference", ["shop_id", "customer_id", "id"])
    # Columns without a default: nothing is rewritten, and the lock is gone at once.
    op.add_column("engagement", sa.Column("network", sa.LargeBinary(), nullable=True))
    op.add_column("engagement", sa.Column("system", sa.Text(), nullable=True))
    walls.build()


def downgrade() -> None:
    """Choices and networks are gone; what was decided by them stays."""
    op.drop_column("engagement", "system")
    op.drop_column("engagement", "network")
    op.drop_table("preference")
