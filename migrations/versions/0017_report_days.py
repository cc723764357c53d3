"""Reports read what messages brought by day, worked out anew where something changed (ADR 23)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations import walls

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

QUARTER = "date_bin('15 minutes', {at}, '2000-01-01 00:00:00+00')"
STALE = "INSERT INTO report_stale (shop_id, at) SELECT DISTINCT {shop}, " + QUARTER + " FROM"
# OFFSET 0: looked up row by row, whatever PostgreSQL thinks of a table of which it knows nothing yet.
FACTS_OF_ORDER = """LATERAL (
    SELECT a.placed_at, a.message_id FROM attribution a WHERE a.shop_id = n.shop_id AND a.order_id = n.{order} OFFSET 0
) f"""
LAST_MESSAGE = """LATERAL (
    SELECT m.accepted_at FROM message m
    WHERE m.shop_id = n.shop_id AND m.customer_id = n.customer_id AND m.channel = n.channel
        AND m.accepted_at <= n.effective_at AND m.journey_id IS NOT NULL
    ORDER BY m.accepted_at DESC LIMIT 1
) f"""
COUNTS = "({row}.total, {row}.refunded, {row}.currency, {row}.payment, {row}.cancelled_at, {row}.deleted_at)"
"""What an order's part in a figure depends on."""


def upgrade() -> None:
    """Make both tables and what tells of stale days; and everything that was before is stale."""
    with op.get_context().autocommit_block():
        op.execute(
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_attribution_revised ON attribution (shop_id, order_id) "
            "WHERE revision > 1"
        )
    op.create_table(
        "report_day",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("journey_id", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("orders", sa.BigInteger(), nullable=False),
        sa.Column("revenue", sa.BigInteger(), nullable=False),
        sa.Column("unsubscribes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_report_day_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "day", "journey_id", "step", name=op.f("pk_report_day")),
    )
    op.create_table(
        "report_stale",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_report_stale_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_report_stale")),
    )
    walls.build()
    stale = STALE.format(shop="n.shop_id", at="{at}")
    placed, sent = stale.format(at="f.placed_at"), stale.format(at="f.accepted_at")
    _on(
        "attribution",
        "INSERT",
        f"""{placed} newer n, {FACTS_OF_ORDER.format(order="order_id")}
            WHERE n.message_id IS NOT NULL OR n.revision > 1""",
    )
    _on(
        "orders",
        "UPDATE",
        f"""{placed} newer n JOIN older o ON o.shop_id = n.shop_id AND o.id = n.id
            AND {COUNTS.format(row="o")} IS DISTINCT FROM {COUNTS.format(row="n")},
            {FACTS_OF_ORDER.format(order="id")} WHERE f.message_id IS NOT NULL""",
    )
    _on("consent_entry", "INSERT", f"{sent} newer n, {LAST_MESSAGE} WHERE n.state = 'unsubscribed'")
    everything = STALE.format(shop="a.shop_id", at="a.placed_at") + " attribution a WHERE a.message_id IS NOT NULL"
    op.execute(f"""
        CREATE FUNCTION stale_by_shop() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          {everything} AND a.shop_id = NEW.id;
          RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER stale_by_shop AFTER UPDATE OF currency ON shop FOR EACH ROW
        WHEN (OLD.currency IS DISTINCT FROM NEW.currency) EXECUTE FUNCTION stale_by_shop()
    """)
    op.execute(everything)
    op.execute(f"{sent} consent_entry n, {LAST_MESSAGE} WHERE n.state = 'unsubscribed'")


def _on(table: str, event: str, statement: str) -> None:
    """Once a statement, in its transaction, whoever it is."""
    tables = "OLD TABLE AS older NEW TABLE AS newer" if event == "UPDATE" else "NEW TABLE AS newer"
    op.execute(f"""
        CREATE FUNCTION stale_by_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          {statement};
          RETURN NULL;
        END $$
    """)
    op.execute(f"""
        CREATE TRIGGER stale_by_{table} AFTER {event} ON {table} REFERENCING {tables}
        FOR EACH STATEMENT EXECUTE FUNCTION stale_by_{table}()
    """)


def downgrade() -> None:
    """The facts are still there."""
    for table in ("attribution", "orders", "consent_entry", "shop"):
        op.execute(f"DROP TRIGGER IF EXISTS stale_by_{table} ON {table}")
        op.execute(f"DROP FUNCTION IF EXISTS stale_by_{table}()")
    op.execute("DROP INDEX IF EXISTS ix_attribution_revised")
    op.drop_table("report_stale")
    op.drop_table("report_day")
