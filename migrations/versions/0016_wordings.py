"""The sentences that people agree to, kept for good."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations import walls

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The merchant's own sentences, by channel and version."""
    op.create_table(
        "consent_wording",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("channel IN ('email', 'sms')", name=op.f("ck_consent_wording_channel")),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_consent_wording_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_consent_wording")),
    )
    op.create_index("uq_consent_wording_version", "consent_wording", ["shop_id", "channel", "version"], unique=True)
    walls.build()


def downgrade() -> None:
    """The ledger keeps the labels."""
    op.drop_table("consent_wording")
