"""What stops a shop before its provider does."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import walls

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make new tables only: nothing that is running waits for them."""
    op.create_table(
        "brake",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="calm", nullable=False),
        sa.Column("sent", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("complained", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sells_to", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('calm', 'warned', 'stopped')", name=op.f("ck_brake_state")),
        _of_shop("brake"),
        sa.PrimaryKeyConstraint("shop_id", name=op.f("pk_brake")),
    )
    op.create_index("ix_brake_due", "brake", ["due_at"])
    op.create_table(
        "sending_day",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("sms_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("marketing_emails", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sms_capped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ramp_full_at", sa.DateTime(timezone=True), nullable=True),
        _of_shop("sending_day"),
        sa.PrimaryKeyConstraint("shop_id", "day", name=op.f("pk_sending_day")),
    )
    op.create_table(
        "number_block",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("block", sa.Text(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("firsts", sa.BigInteger(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        _of_shop("number_block"),
        sa.PrimaryKeyConstraint("shop_id", "block", name=op.f("pk_number_block")),
    )
    op.create_table(
        "soft_bounce",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("address_hash", sa.LargeBinary(), nullable=False),
        sa.Column("in_a_row", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id", "customer_id"],
            ["customer.shop_id", "customer.id"],
            name=op.f("fk_soft_bounce_shop_id_customer_id"),
            ondelete="CASCADE",
        ),
        _of_shop("soft_bounce"),
        sa.PrimaryKeyConstraint("shop_id", "customer_id", name=op.f("pk_soft_bounce")),
    )
    op.create_table(
        "sending_domain",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("provider_ref", sa.Text(), nullable=True),
        sa.Column("records", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("findings", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("taken", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'verified', 'unverified')", name=op.f("ck_sending_domain_state")),
        _of_shop("sending_domain"),
        sa.PrimaryKeyConstraint("shop_id", "domain", name=op.f("pk_sending_domain")),
    )
    op.create_index(
        "ix_sending_domain_due", "sending_domain", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.create_index("ix_sending_domain_name", "sending_domain", ["domain"])
    op.create_table(
        "messaging_service",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        _of_shop("messaging_service"),
        sa.PrimaryKeyConstraint("shop_id", "service", name=op.f("pk_messaging_service")),
    )
    op.create_index("ix_messaging_service", "messaging_service", ["service"])
    walls.build()


def _of_shop(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f(f"fk_{table}_shop_id"), ondelete="CASCADE")


def downgrade() -> None:
    """Remove them; what a shop may spend today is counted from nothing then."""
    for table in ("messaging_service", "sending_domain", "soft_bounce", "number_block", "sending_day", "brake"):
        op.drop_table(table)
