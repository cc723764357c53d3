"""How consent was given, and where it goes: a ledger nobody can rewrite, second steps, imports, words for the store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import walls

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ONCE = ("shop_id", "customer_id", "channel", "purpose", "effective_at", "state", "source", "about", "double_opt_in")


def upgrade() -> None:
    """Say more of each word, close the ledger, and make the tables beside it."""
    # Constant defaults: PostgreSQL notes them in the catalogue and rewrites nothing.
    for name in ("collected", "wording"):
        op.execute(f"ALTER TABLE consent_entry ADD COLUMN IF NOT EXISTS {name} text NOT NULL DEFAULT ''")
    with op.get_context().autocommit_block():
        op.create_index(
            "uq_consent_entry_said",
            "consent_entry",
            list(ONCE),
            unique=True,
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.drop_index("uq_consent_entry_once", "consent_entry", postgresql_concurrently=True, if_exists=True)
    _holds()
    _close_the_ledger()
    _errands()
    _imports()
    walls.build()


def _tenant(*columns: sa.Column[object] | sa.Constraint, table: str, of_customer: bool = True) -> None:
    """A table of a shop with an id of its own, usually about one of its people."""
    about = [
        sa.ForeignKeyConstraint(
            ["shop_id", "customer_id"],
            ["customer.shop_id", "customer.id"],
            name=op.f(f"fk_{table}_shop_id_customer_id"),
            ondelete="CASCADE",
        )
    ]
    op.create_table(
        table,
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        *columns,
        *(about if of_customer else ()),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f(f"fk_{table}_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f(f"pk_{table}")),
    )


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _holds() -> None:
    """What follows from merges moves out of the ledger: it is derived, and derived anew, and no word of anybody's."""
    _tenant(
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        _moment("held_at"),
        table="consent_hold",
    )
    op.create_index(
        "uq_consent_hold", "consent_hold", ["shop_id", "customer_id", "channel", "purpose", "held_at"], unique=True
    )
    op.execute("""
        INSERT INTO consent_hold (shop_id, customer_id, channel, purpose, held_at)
        SELECT DISTINCT shop_id, customer_id, channel, purpose, effective_at FROM consent_entry WHERE source = 'merge'
    """)
    op.execute("DELETE FROM consent_entry WHERE source = 'merge'")


def _close_the_ledger() -> None:
    """Only two changes are left: words follow their person into the one they became, and erasure empties evidence."""
    op.execute(f"""
        CREATE FUNCTION consent_entry_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP = 'UPDATE' AND current_user = '{walls.CLERK}' THEN
            IF NEW.evidence = '{{}}' AND to_jsonb(NEW) - 'evidence' = to_jsonb(OLD) - 'evidence' THEN
              RETURN NEW;
            END IF;
          ELSIF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'customer_id' = to_jsonb(OLD) - 'customer_id' THEN
            -- On its own: whether the clerk may read people is asked even where the answer isn't needed.
            IF EXISTS (SELECT 1 FROM customer c WHERE c.shop_id = OLD.shop_id AND c.id = OLD.customer_id
                AND c.merged_into_id = NEW.customer_id) THEN
              RETURN NEW;
            END IF;
          END IF;
          RAISE EXCEPTION 'the ledger of consent is only ever added to' USING ERRCODE = 'insufficient_privilege';
        END $$
    """)
    # Of the two roles we work as. What goes with its person or shop goes by the owner's hand, and by foreign key.
    op.execute(f"""
        CREATE TRIGGER consent_entry_is_final BEFORE UPDATE OR DELETE ON consent_entry
        FOR EACH ROW WHEN (current_user IN ('{walls.APP}', '{walls.CLERK}')) EXECUTE FUNCTION consent_entry_is_final()
    """)


def _errands() -> None:
    """What the store is to be told, and who is to be asked for a second yes."""
    _tenant(
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("double_opt_in", sa.Boolean(), nullable=False),
        _moment("told_at"),
        sa.Column("tries", sa.BigInteger(), server_default="0", nullable=False),
        _moment("due_at"),
        _moment("done_at", nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        table="consent_write",
    )
    op.create_index("ix_consent_write_said", "consent_write", ["shop_id", "customer_id", "channel", "told_at"])
    op.create_index("ix_consent_write_due", "consent_write", ["due_at"], postgresql_where=sa.text("done_at IS NULL"))
    _tenant(
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        _moment("said_at"),
        _moment("due_at"),
        _moment("asked_at", nullable=True),
        _moment("expires_at", nullable=True),
        _moment("done_at", nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        table="opt_in",
    )
    op.create_index("ix_opt_in_customer", "opt_in", ["shop_id", "customer_id", "channel"])
    op.create_index(
        "ix_opt_in_due",
        "opt_in",
        ["due_at"],
        postgresql_where=sa.text("asked_at IS NULL AND done_at IS NULL"),
    )


def _imports() -> None:
    """Files of people, line by line, and the lines that were refused."""
    _tenant(
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("header", postgresql.JSONB(), nullable=False),
        sa.Column("mapping", postgresql.JSONB(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("lines_read", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("taken", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refused", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        _moment("created_at"),
        _moment("due_at", nullable=True),
        _moment("finished_at", nullable=True),
        sa.CheckConstraint("state IN ('uploaded', 'running', 'done', 'dropped')", name=op.f("ck_people_file_state")),
        table="people_file",
        of_customer=False,
    )
    op.create_index("ix_people_file_due", "people_file", ["due_at"], postgresql_where=sa.text("state = 'running'"))
    of_file = [
        sa.ForeignKeyConstraint(
            ["shop_id", "file_id"],
            ["people_file.shop_id", "people_file.id"],
            name=op.f(f"fk_{table}_shop_id_file_id"),
            ondelete="CASCADE",
        )
        for table in ("people_part", "people_refusal")
    ]
    _tenant(
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("first_line", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        of_file[0],
        table="people_part",
        of_customer=False,
    )
    op.create_index("uq_people_part_line", "people_part", ["shop_id", "file_id", "first_line"], unique=True)
    _tenant(
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        of_file[1],
        table="people_refusal",
        of_customer=False,
    )
    op.create_index("uq_people_refusal_line", "people_refusal", ["shop_id", "file_id", "line", "field"], unique=True)


def downgrade() -> None:
    """What was written down is not thrown away."""
    raise NotImplementedError
