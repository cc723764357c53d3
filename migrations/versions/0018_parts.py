"""What every webhook writes is written with less: parts don't look up their shop, and nobody asks by the last order."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

PARTS = ("purchase", "enrolment", "customer_address", "consent_entry")
"""Each refers to a row of its shop that it can't be without."""


def upgrade() -> None:
    """Drop the references to `shop` that another reference implies, and an index that no query uses."""
    for table in PARTS:
        op.drop_constraint(f"fk_{table}_shop_id", table, type_="foreignkey")
    with op.get_context().autocommit_block():
        op.drop_index("ix_customer_last_order", "customer", postgresql_concurrently=True, if_exists=True)


def downgrade() -> None:
    """Bring them back. The references hold by themselves, so nobody waits for them to be looked through."""
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_customer_last_order",
            "customer",
            ["shop_id", "last_order_at"],
            postgresql_concurrently=True,
            if_not_exists=True,
        )
    for table in PARTS:
        op.create_foreign_key(
            f"fk_{table}_shop_id",
            table,
            "shop",
            ["shop_id"],
            ["id"],
            ondelete="CASCADE",
            postgresql_not_valid=True,
        )
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT fk_{table}_shop_id")
