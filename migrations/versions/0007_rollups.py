"""The merchant's pages read days that are counted already, and every list and search has an index that serves it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations import walls

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BATCH = 20_000
MEASURES = ("messages", "sent", "opened", "clicked", "machine_opened", "machine_clicked")
CELL = """
    m.shop_id,
    date_bin('15 minutes', CASE WHEN m.accepted_at IS NOT NULL THEN m.accepted_at
        WHEN m.state IN ('planned', 'due', 'deferred', 'claimed', 'sending', 'unknown') THEN m.planned_at
        ELSE m.updated_at END, '2000-01-01 00:00:00+00') AS at,
    COALESCE(m.journey_id, 0) AS journey_id, m.step, m.channel,
    CASE WHEN m.state IN ('accepted', 'delivered') THEN 'sent'
        WHEN m.state IN ('planned', 'due', 'claimed', 'sending', 'unknown') THEN 'waiting' ELSE m.state END AS state,
    CASE WHEN m.state IN ('accepted', 'delivered', 'planned', 'due', 'claimed', 'sending', 'unknown') THEN ''
        ELSE COALESCE(m.reason, '') END AS reason,
    1 AS messages, (m.accepted_at IS NOT NULL)::int AS sent, (m.opened_at IS NOT NULL)::int AS opened,
    (m.clicked_at IS NOT NULL)::int AS clicked, (m.machine_opened_at IS NOT NULL)::int AS machine_opened,
    (m.machine_clicked_at IS NOT NULL)::int AS machine_clicked
"""
"""Where a message is counted, as `app.reports.counting` has it."""
NAMES = f"shop_id, at, journey_id, step, channel, state, reason, {', '.join(MEASURES)}"

PLAIN_INDEXES = {
    # A search for how a name begins.
    "ix_customer_first_name_begins": (
        "customer (shop_id, lower(first_name) text_pattern_ops, lower(last_name) text_pattern_ops)"
    ),
    "ix_customer_last_name_begins": "customer (shop_id, lower(last_name) text_pattern_ops)",
    "ix_customer_phone_begins": "customer (shop_id, phone text_pattern_ops) WHERE phone IS NOT NULL",
    # Lists of what didn't go, or not yet: by state, and by reason. What goes its usual way enters neither but once.
    "ix_message_unsent": "message (shop_id, state, planned_at, id) WHERE state NOT IN ('accepted', 'delivered')",
    "ix_message_reason": "message (shop_id, reason, planned_at, id) WHERE reason IS NOT NULL",
    # Who said goodbye in a period, and which orders were brought.
    "ix_consent_entry_goodbye": "consent_entry (shop_id, effective_at) WHERE state = 'unsubscribed'",
    "ix_attribution_touched": "attribution (shop_id, placed_at) WHERE message_id IS NOT NULL",
}
REPLACED = ("ix_customer_phone", "ix_message_parked")


def upgrade() -> None:
    """Make the tables and what fills them; then count what is there, and build indexes, beside the running app."""
    op.create_table(
        "message_count_change",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *_cell(),
        sa.ForeignKeyConstraint(
            ["shop_id"], ["shop.id"], name=op.f("fk_message_count_change_shop_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_message_count_change")),
        if_not_exists=True,
    )
    op.create_table(
        "message_count",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *_cell(),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_message_count_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint(
            "shop_id", "day", "journey_id", "step", "channel", "state", "reason", name=op.f("pk_message_count")
        ),
        if_not_exists=True,
    )
    op.create_table(
        "message_count_zone",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"], ["shop.id"], name=op.f("fk_message_count_zone_shop_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("shop_id", name=op.f("pk_message_count_zone")),
        if_not_exists=True,
    )
    for name in ("machine_opened_at", "machine_clicked_at"):
        op.add_column("message", sa.Column(name, sa.DateTime(timezone=True), nullable=True), if_not_exists=True)
    _count_from_now_on()
    walls.build()
    with op.get_context().autocommit_block():
        for name, definition in PLAIN_INDEXES.items():
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {definition}")
        for name in REPLACED:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        _tell_machines()
        _count_what_is_there()


def _cell() -> list[sa.Column[Any]]:
    return [
        sa.Column("journey_id", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("step", "channel", "state", "reason")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in MEASURES),
    ]


def _count_from_now_on() -> None:
    """Whoever changes messages, by whatever statement, writes the changed counts along: they can't come apart.

    Once a statement, not once a row: most statements move a few hundred messages between two cells. With the owner's
    rights: whoever may move messages (the clerk, who claims them) needs no right to the counts.
    """
    sums = ", ".join(f"sum(n * {name})" for name in MEASURES)
    differs = " OR ".join(f"sum(n * {name}) <> 0" for name in MEASURES)
    cells = f"GROUP BY shop_id, at, journey_id, step, channel, state, reason HAVING {differs}"
    into = (
        f"INSERT INTO message_count_change ({NAMES}) "
        f"SELECT shop_id, at, journey_id, step, channel, state, reason, {sums} FROM"
    )
    op.execute(f"""
        CREATE OR REPLACE FUNCTION count_messages() RETURNS trigger LANGUAGE plpgsql
        SECURITY DEFINER SET search_path = public, pg_temp AS $$
        BEGIN
          IF TG_OP = 'INSERT' THEN
            {into} (SELECT 1 AS n, {CELL} FROM newer m) c {cells};
          ELSIF TG_OP = 'UPDATE' THEN
            {into} (SELECT 1 AS n, {CELL} FROM newer m UNION ALL SELECT -1, {CELL} FROM older m) c {cells};
          ELSE
            -- A shop that is being deleted takes its messages along, and needs no counts any more.
            {into} (SELECT -1 AS n, {CELL} FROM older m WHERE EXISTS (SELECT FROM shop s WHERE s.id = m.shop_id)) c
            {cells};
          END IF;
          RETURN NULL;
        END $$
    """)
    for event, tables in {
        "insert": "NEW TABLE AS newer",
        "update": "OLD TABLE AS older NEW TABLE AS newer",
        "delete": "OLD TABLE AS older",
    }.items():
        op.execute(f"""
            CREATE OR REPLACE TRIGGER count_messages_{event} AFTER {event.upper()} ON message
            REFERENCING {tables} FOR EACH STATEMENT EXECUTE FUNCTION count_messages()
        """)


def _tell_machines() -> None:
    """The first open and click that wasn't surely a human's, for messages that had one already; in small batches."""
    batches = op.get_bind().execute(
        sa.text("SELECT DISTINCT shop_id, message_id / :size FROM engagement WHERE verdict <> 'human'"),
        {"size": BATCH},
    )
    for shop_id, number in batches.all():
        for kind, column in (("open", "machine_opened_at"), ("click", "machine_clicked_at")):
            op.get_bind().execute(
                sa.text(f"""
                    UPDATE message m SET {column} = e.at FROM (
                        SELECT message_id, min(at) AS at FROM engagement
                        WHERE shop_id = :shop AND message_id >= :first AND message_id < :last AND kind = '{kind}'
                            AND verdict <> 'human' GROUP BY message_id
                    ) e WHERE m.shop_id = :shop AND m.id = e.message_id AND m.{column} IS NULL
                """),
                {"shop": shop_id, "first": number * BATCH, "last": (number + 1) * BATCH},
            )


def _count_what_is_there() -> None:
    """In one statement, so at one moment: all there is, less what has been written down as a change since.

    By days in UTC; the slow worker puts them into each shop's own zone.
    """
    op.execute("INSERT INTO message_count_zone SELECT id, 'UTC' FROM shop ON CONFLICT DO NOTHING")
    sums = ", ".join(f"sum(n * {name})" for name in MEASURES)
    names = NAMES.replace("at,", "day,", 1)
    op.execute(f"""
        INSERT INTO message_count ({names})
        SELECT shop_id, (at AT TIME ZONE 'UTC')::date, journey_id, step, channel, state, reason, {sums}
        FROM (SELECT 1 AS n, {CELL} FROM message m UNION ALL SELECT -1, {NAMES} FROM message_count_change) c
        GROUP BY 1, 2, 3, 4, 5, 6, 7
        ON CONFLICT DO NOTHING
    """)


def downgrade() -> None:
    """What was counted can be counted again."""
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_message_parked ON message (shop_id, id) "
                   "WHERE state = 'parked'")  # fmt: skip
        op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_customer_phone ON customer (shop_id, phone) "
                   "WHERE phone IS NOT NULL")  # fmt: skip
        for name in PLAIN_INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    for event in ("insert", "update", "delete"):
        op.execute(f"DROP TRIGGER IF EXISTS count_messages_{event} ON message")
    op.execute("DROP FUNCTION IF EXISTS count_messages()")
    for table in ("message_count_zone", "message_count", "message_count_change"):
        op.execute(f"DROP TABLE IF EXISTS {table}")
    for name in ("machine_clicked_at", "machine_opened_at"):
        op.drop_column("message", name)
