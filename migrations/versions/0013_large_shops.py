"""Indexes for shops of a million customers: names in lower case beside names, and people under way with their times.

An index on lower(name) serves nobody behind the wall between shops: lower() isn't leakproof, so PostgreSQL first reads
all people of the shop and then asks it of each. A plain column, compared by bounds, is looked up.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

BATCH = 20_000
LOWER = ("first_name_lower", "last_name_lower")
INDEXES = {
    "ix_customer_first_name_lower": (
        "customer (shop_id, first_name_lower text_pattern_ops, last_name_lower text_pattern_ops)"
    ),
    "ix_customer_last_name_lower": "customer (shop_id, last_name_lower text_pattern_ops)",
    # How many are under way in a journey, and who is next: without looking at a single one.
    "ix_enrolment_under_way": "enrolment (shop_id, journey_id, due_at) WHERE state = 'active'",
}
REPLACED = {
    "ix_customer_first_name_begins": (
        "customer (shop_id, lower(first_name) text_pattern_ops, lower(last_name) text_pattern_ops)"
    ),
    "ix_customer_last_name_begins": "customer (shop_id, lower(last_name) text_pattern_ops)",
    "ix_enrolment_active": "enrolment (shop_id, journey_id) WHERE state = 'active'",
}


def upgrade() -> None:
    """Add the columns and what keeps them; then fill them and build indexes, beside the running app.

    Not as generated columns: adding one writes the whole table anew, with everybody waiting.
    """
    for name in LOWER:
        op.add_column("customer", sa.Column(name, sa.Text(), server_default="", nullable=False), if_not_exists=True)
    op.execute("""
        CREATE OR REPLACE FUNCTION lower_names() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          NEW.first_name_lower := lower(NEW.first_name);
          NEW.last_name_lower := lower(NEW.last_name);
          RETURN NEW;
        END $$
    """)
    op.execute(f"""
        CREATE OR REPLACE TRIGGER lower_names BEFORE INSERT OR UPDATE OF first_name, last_name, {", ".join(LOWER)}
        ON customer FOR EACH ROW EXECUTE FUNCTION lower_names()
    """)
    # Also for whoever loads rows with triggers off: a column that repeats another one never says something else.
    op.execute("ALTER TABLE customer ENABLE ALWAYS TRIGGER lower_names")
    with op.get_context().autocommit_block():
        _fill()
        for name, definition in INDEXES.items():
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {definition}")
        for name in REPLACED:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def _fill() -> None:
    """Everybody who is there already, in small batches."""
    differ = "(first_name_lower <> lower(first_name) OR last_name_lower <> lower(last_name))"
    batches = op.get_bind().execute(
        sa.text(f"SELECT DISTINCT shop_id, id / :size FROM customer WHERE {differ}"),
        {"size": BATCH},
    )
    for shop_id, number in batches.all():
        op.get_bind().execute(
            sa.text(f"""
                UPDATE customer SET first_name_lower = '' WHERE shop_id = :shop AND id >= :first AND id < :last
                    AND {differ}
            """),  # the trigger knows better
            {"shop": shop_id, "first": number * BATCH, "last": (number + 1) * BATCH},
        )


def downgrade() -> None:
    """Names in any case are still there."""
    with op.get_context().autocommit_block():
        for name, definition in REPLACED.items():
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {definition}")
        for name in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    op.execute("DROP TRIGGER IF EXISTS lower_names ON customer")
    op.execute("DROP FUNCTION IF EXISTS lower_names()")
    for name in LOWER:
        op.drop_column("customer", name)
