"""Row-level security for every table of a shop, and the shop of unknown stores."""

from __future__ import annotations

from alembic import op

from migrations import walls

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build the walls."""
    walls.create_roles()
    walls.build()
    op.execute(
        "INSERT INTO shop (id, platform, domain, state, name, currency, timezone, locale, address, created_at) "
        "VALUES (0, 'shopify', '', 'known', 'Unknown stores', 'USD', 'UTC', 'en', '', now())"
    )


def downgrade() -> None:
    """Walls are not taken down."""
    raise NotImplementedError
