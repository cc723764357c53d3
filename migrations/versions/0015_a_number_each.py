"""Messaging Services of single shops in the host's account, from being wanted until they are given back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import walls

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make a new table only: nothing that is running waits for it."""
    op.create_table(
        "hosted_service",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="wanted", nullable=False),
        sa.Column("service", sa.Text(), nullable=True),
        sa.Column("number_sid", sa.Text(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("refused", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("tries", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('wanted', 'no_number', 'ready', 'leaving', 'removing')", name=op.f("ck_hosted_service_state")
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_hosted_service_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_hosted_service")),
    )
    op.create_index(
        "uq_hosted_service_shop",
        "hosted_service",
        ["shop_id"],
        unique=True,
        postgresql_where=sa.text("shop_id <> 0"),
    )
    op.create_index(
        "ix_hosted_service_due", "hosted_service", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.create_index("ix_hosted_service_service", "hosted_service", ["service"])
    walls.build()


def downgrade() -> None:
    """Remove it: services made by then stay at Twilio, where the host can delete them."""
    op.drop_table("hosted_service")
