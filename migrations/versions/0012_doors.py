"""Who may do what: roles of staff, keys of the API and its kept answers, subscriptions to events and their log."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import walls

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _tenant(
    table: str, *columns: sa.Column[Any] | sa.CheckConstraint, refers: tuple[tuple[str, str], ...] = ()
) -> None:
    """A table of a shop, with references that can't leave it."""
    op.create_table(
        table,
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f(f"fk_{table}_shop_id"), ondelete="CASCADE"),
        *(
            sa.ForeignKeyConstraint(
                ["shop_id", column],
                [f"{target}.shop_id", f"{target}.id"],
                name=op.f(f"fk_{table}_shop_id_{column}"),
                ondelete="CASCADE",
            )
            for column, target in refers
        ),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f(f"pk_{table}")),
    )


def _time(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def upgrade() -> None:
    """Make the tables, their walls, and the trigger that keeps told events as they were told."""
    _tenant(
        "member",
        _text("user_id"),
        _text("role"),
        sa.Column("name", sa.LargeBinary(), nullable=True),
        sa.Column("email", sa.LargeBinary(), nullable=True),
        sa.Column("is_account_owner", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        _time("first_seen_at"),
        _time("last_seen_at"),
        sa.CheckConstraint("role IN ('viewer', 'editor', 'owner')", name=op.f("ck_member_role")),
    )
    op.create_index("uq_member_user", "member", ["shop_id", "user_id"], unique=True)
    _tenant(
        "api_key",
        _text("name"),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        _text("hint"),
        _text("made_by"),
        _time("created_at"),
        _time("used_at", nullable=True),
        _time("revoked_at", nullable=True),
        _time("busy_until", nullable=True),
    )
    _tenant(
        "api_answer",
        sa.Column("key_id", sa.BigInteger(), nullable=False),
        _text("reference"),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        _time("created_at"),
        refers=(("key_id", "api_key"),),
    )
    op.create_index("uq_api_answer_reference", "api_answer", ["shop_id", "key_id", "reference"], unique=True)
    op.create_index("ix_api_answer_created", "api_answer", ["shop_id", "created_at"])
    _tenant(
        "hook",
        _text("url"),
        sa.Column("kinds", postgresql.ARRAY(sa.Text()), nullable=False),
        _text("state"),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("old_secret", sa.LargeBinary(), nullable=True),
        _time("old_until", nullable=True),
        _text("made_by"),
        _time("created_at"),
        _time("failing_since", nullable=True),
        _time("stopped_at", nullable=True),
        sa.CheckConstraint("state IN ('on', 'off', 'stopped')", name=op.f("ck_hook_state")),
    )
    _tenant(
        "hook_event",
        _text("kind"),
        _time("at"),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("data", postgresql.JSONB(), nullable=False),
    )
    op.create_index("ix_hook_event_at", "hook_event", ["shop_id", "at"])
    _tenant(
        "hook_delivery",
        sa.Column("hook_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        _text("state"),
        sa.Column("tries", sa.BigInteger(), server_default="0", nullable=False),
        _time("due_at"),
        _time("lease_until", nullable=True),
        sa.Column("status", sa.BigInteger(), nullable=True),
        _text("code", nullable=True),
        _time("updated_at"),
        sa.CheckConstraint(
            "state IN ('due', 'sending', 'done', 'failed', 'dropped')", name=op.f("ck_hook_delivery_state")
        ),
        refers=(("hook_id", "hook"), ("event_id", "hook_event")),
    )
    op.create_index("uq_hook_delivery_event", "hook_delivery", ["shop_id", "hook_id", "event_id"], unique=True)
    op.create_index("ix_hook_delivery_event", "hook_delivery", ["shop_id", "event_id"])
    op.create_index(
        "ix_hook_delivery_due",
        "hook_delivery",
        ["due_at"],
        postgresql_where=sa.text("state IN ('due', 'sending')"),
    )
    op.execute("""
        CREATE FUNCTION hook_event_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          RAISE EXCEPTION 'what was told to others stays as it was told' USING ERRCODE = 'insufficient_privilege';
        END $$
    """)
    op.execute("""
        CREATE TRIGGER hook_event_is_final BEFORE UPDATE ON hook_event
        FOR EACH ROW EXECUTE FUNCTION hook_event_is_final()
    """)
    walls.build()


def downgrade() -> None:
    """What was written down is not thrown away."""
    raise NotImplementedError
