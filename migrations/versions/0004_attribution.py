"""Which message brought which order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations import walls

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, their walls, and a trigger that keeps facts as they were written."""
    op.create_table(
        "attribution",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("journey_id", sa.BigInteger(), nullable=True),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("clicked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id", "order_id"],
            ["orders.shop_id", "orders.id"],
            name=op.f("fk_attribution_shop_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_attribution_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_attribution")),
    )
    op.create_index("uq_attribution_revision", "attribution", ["shop_id", "order_id", "model", "revision"], unique=True)
    op.create_index("ix_attribution_placed", "attribution", ["shop_id", "placed_at"])
    op.create_table(
        "attribution_cursor",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("looked_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"], ["shop.id"], name=op.f("fk_attribution_cursor_shop_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("shop_id", name=op.f("pk_attribution_cursor")),
    )
    # Deleting is left to the erasure of a whole store.
    op.execute("""
        CREATE FUNCTION attribution_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          RAISE EXCEPTION 'attribution is only ever added to' USING ERRCODE = 'insufficient_privilege';
        END $$
    """)
    op.execute("""
        CREATE TRIGGER attribution_is_final BEFORE UPDATE ON attribution
        FOR EACH ROW EXECUTE FUNCTION attribution_is_final()
    """)
    op.create_index("ix_orders_placed", "orders", ["shop_id", "placed_at"])
    walls.build()


def downgrade() -> None:
    """What was written down is not thrown away."""
    raise NotImplementedError
