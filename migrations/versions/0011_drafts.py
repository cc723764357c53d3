"""Journeys are drafted, published and taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import walls

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of drafts, and let versions say who made them. No row of people under way is touched."""
    op.create_table(
        "journey_revision",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("journey_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("parent", sa.BigInteger(), nullable=True),
        sa.Column("definition", postgresql.JSONB(), nullable=False),
        sa.Column("templates", postgresql.JSONB(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        _of_journey("journey_revision"),
        _of_shop("journey_revision"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_journey_revision")),
    )
    op.create_index("uq_journey_revision_number", "journey_revision", ["shop_id", "journey_id", "number"], unique=True)
    op.create_table(
        "journey_draft",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("journey_id", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_by", sa.Text(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        _of_journey("journey_draft"),
        _of_shop("journey_draft"),
        sa.PrimaryKeyConstraint("shop_id", "journey_id", name=op.f("pk_journey_draft")),
    )
    op.create_table(
        "journey_aside",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("journey_id", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("edit", postgresql.JSONB(), nullable=False),
        sa.Column("templates", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        _of_journey("journey_aside"),
        _of_shop("journey_aside"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_journey_aside")),
    )
    op.create_index("ix_journey_aside_journey", "journey_aside", ["shop_id", "journey_id"])
    op.add_column("journey_version", sa.Column("made_by", sa.Text(), nullable=True))
    walls.build()


def downgrade() -> None:
    """Drafts are lost; what is published stays."""
    op.drop_column("journey_version", "made_by")
    for table in ("journey_aside", "journey_draft", "journey_revision"):
        op.drop_table(table)


def _of_journey(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["shop_id", "journey_id"],
        ["journey.shop_id", "journey.id"],
        name=op.f(f"fk_{table}_shop_id_journey_id"),
        ondelete="CASCADE",
    )


def _of_shop(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f(f"fk_{table}_shop_id"), ondelete="CASCADE")
