"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The first tables."""
    op.create_table(
        "breaker",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_receipt_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_breaker")),
    )
    op.create_table(
        "shop",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.LargeBinary(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("storefront_url", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column(
            "settings", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("scopes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version_tie", sa.Text(), server_default="", nullable=False),
        sa.Column("installed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("uninstalled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("needs_reauthorization", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('known', 'installed', 'uninstalled')", name=op.f("ck_shop_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop")),
        sa.UniqueConstraint("domain", name=op.f("uq_shop_domain")),
    )
    op.create_table(
        "checkout_end",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_checkout_end_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_checkout_end")),
    )
    op.create_index("uq_checkout_end", "checkout_end", ["shop_id", "kind", "token"], unique=True)
    op.create_table(
        "customer",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("first_name", sa.Text(), nullable=False),
        sa.Column("last_name", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("province", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("postal_code", sa.Text(), nullable=True),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "tag_times", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column(
            "told", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("orders_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("spent", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("first_order_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_order_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("preferred_channel", sa.Text(), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merged_into_id", sa.BigInteger(), nullable=True),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version_tie", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id", "merged_into_id"],
            ["customer.shop_id", "customer.id"],
            name=op.f("fk_customer_shop_id_merged_into_id"),
            ondelete="SET NULL (merged_into_id)",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_customer_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_customer")),
    )
    op.create_index("ix_customer_last_order", "customer", ["shop_id", "last_order_at"], unique=False)
    op.create_index(
        "ix_customer_merged",
        "customer",
        ["shop_id", "merged_into_id"],
        unique=False,
        postgresql_where=sa.text("merged_into_id IS NOT NULL"),
    )
    op.create_index(
        "ix_customer_phone",
        "customer",
        ["shop_id", "phone"],
        unique=False,
        postgresql_where=sa.text("phone IS NOT NULL"),
    )
    op.create_index(
        "uq_customer_email",
        "customer",
        ["shop_id", "email"],
        unique=True,
        postgresql_where=sa.text("email IS NOT NULL AND merged_into_id IS NULL"),
    )
    op.create_index("uq_customer_external", "customer", ["shop_id", "external_id"], unique=True)
    op.create_table(
        "decision",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("journey_id", sa.BigInteger(), nullable=True),
        sa.Column("enrolment_id", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("subject_key", sa.Text(), nullable=True),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "detail", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_decision_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_decision")),
    )
    op.create_index("ix_decision_customer", "decision", ["shop_id", "customer_id", "at"], unique=False)
    op.create_index("ix_decision_enrolment", "decision", ["shop_id", "enrolment_id", "id"], unique=False)
    op.create_index(
        "uq_decision_refusal",
        "decision",
        ["shop_id", "journey_id", "subject_key", "reason"],
        unique=True,
        postgresql_where=sa.text("outcome = 'not_entered'"),
    )
    op.create_table(
        "delivery",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("shop_domain", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("api_version", sa.Text(), nullable=False),
        sa.Column("triggered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("tries", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'applied', 'ignored', 'parked')", name=op.f("ck_delivery_state")),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_delivery_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_delivery")),
    )
    op.create_index(
        "ix_delivery_parked", "delivery", ["shop_id", "id"], unique=False, postgresql_where=sa.text("state = 'parked'")
    )
    op.create_index(
        "ix_delivery_pending",
        "delivery",
        ["shop_id", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index("ix_delivery_received", "delivery", ["shop_id", "received_at"], unique=False)
    op.create_index("uq_delivery_webhook", "delivery", ["shop_id", "webhook_id"], unique=True)
    op.create_table(
        "import",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("span", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("export_id", sa.Text(), nullable=True),
        sa.Column("lines_read", sa.BigInteger(), nullable=False),
        sa.Column("things", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'exporting', 'reading', 'done', 'failed')", name=op.f("ck_import_state")
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_import_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_import")),
    )
    op.create_index("uq_import_kind_span", "import", ["shop_id", "kind", "span", "generation"], unique=True)
    op.create_table(
        "journey",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=True),
        sa.Column("turned_on_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_journey_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_journey")),
    )
    op.create_index("uq_journey_key", "journey", ["shop_id", "key"], unique=True)
    op.create_table(
        "privacy_request",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("details", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_privacy_request_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_privacy_request")),
    )
    op.create_index("uq_privacy_request_delivery", "privacy_request", ["shop_id", "reference"], unique=True)
    op.create_table(
        "product",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("product_type", sa.Text(), nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("is_gift_card", sa.Boolean(), nullable=False),
        sa.Column("image_url", sa.Text(), nullable=True),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version_tie", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_product_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_product")),
    )
    op.create_index("uq_product_external", "product", ["shop_id", "external_id"], unique=True)
    op.create_table(
        "provider_account",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("credentials", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_provider_account_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_provider_account")),
    )
    op.create_index("uq_provider_account_channel", "provider_account", ["shop_id", "channel"], unique=True)
    op.create_table(
        "receipt",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_receipt_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_receipt")),
    )
    op.create_index("uq_receipt_event", "receipt", ["shop_id", "provider", "event_id"], unique=True)
    op.create_table(
        "reconciliation",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cursor_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_reconciliation_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "kind", name=op.f("pk_reconciliation")),
    )
    op.create_table(
        "reorder_gap",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("gaps", sa.BigInteger(), nullable=False),
        sa.Column("days", sa.Double(), nullable=False),
        sa.Column("spread", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("learned_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_reorder_gap_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_reorder_gap")),
    )
    op.create_index("uq_reorder_gap_scope", "reorder_gap", ["shop_id", "scope", "key"], unique=True)
    op.create_table(
        "shop_token",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("access_token", sa.LargeBinary(), nullable=False),
        sa.Column("refresh_token", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refresh_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refreshing_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_shop_token_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", name=op.f("pk_shop_token")),
    )
    op.create_table(
        "stock_level",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("stock_item_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("available", sa.BigInteger(), nullable=False),
        sa.Column("version_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version_tie", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_stock_level_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_stock_level")),
    )
    op.create_index("uq_stock_level_place", "stock_level", ["shop_id", "stock_item_id", "location_id"], unique=True)
    op.create_table(
        "suppression",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address_hash", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("suppressed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_suppression_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_suppression")),
    )
    op.create_index("uq_suppression_address", "suppression", ["shop_id", "channel", "address_hash"], unique=True)
    op.create_table(
        "template",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_template_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_template")),
    )
    op.create_index("uq_template_digest", "template", ["shop_id", "digest"], unique=True)
    op.create_table(
        "variant",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("product_external_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("compare_at", sa.BigInteger(), nullable=True),
        sa.Column("stock", sa.BigInteger(), nullable=True),
        sa.Column("stock_item_id", sa.Text(), nullable=True),
        sa.Column("available", sa.Boolean(), nullable=False),
        sa.Column("oversells", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reorder_days", sa.BigInteger(), nullable=True),
        sa.Column("version_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version_tie", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_variant_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_variant")),
    )
    op.create_index("ix_variant_product", "variant", ["shop_id", "product_external_id"], unique=False)
    op.create_index("ix_variant_stock_item", "variant", ["shop_id", "stock_item_id"], unique=False)
    op.create_index("uq_variant_external", "variant", ["shop_id", "external_id"], unique=True)
    op.create_table(
        "cart",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version_tie", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id", "customer_id"],
            ["customer.shop_id", "customer.id"],
            name=op.f("fk_cart_shop_id_customer_id"),
            ondelete="SET NULL (customer_id)",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_cart_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_cart")),
    )
    op.create_index("uq_cart_token", "cart", ["shop_id", "token"], unique=True)
    op.create_table(
        "checkout",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("cart_token", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("subtotal", sa.BigInteger(), nullable=False),
        sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("recovery_url", sa.LargeBinary(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("accepts_email", sa.Boolean(), nullable=False),
        sa.Column("accepts_sms", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version_tie", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id", "customer_id"],
            ["customer.shop_id", "customer.id"],
            name=op.f("fk_checkout_shop_id_customer_id"),
            ondelete="SET NULL (customer_id)",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_checkout_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_checkout")),
    )
    op.create_index("ix_checkout_cart", "checkout", ["shop_id", "cart_token"], unique=False)
    op.create_index("ix_checkout_customer", "checkout", ["shop_id", "customer_id", "version_at"], unique=False)
    op.create_index("uq_checkout_token", "checkout", ["shop_id", "token"], unique=True)
    op.create_table(
        "consent_entry",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), server_default="", nullable=False),
        sa.Column("double_opt_in", sa.Boolean(), nullable=False),
        sa.Column(
            "evidence", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("channel IN ('email', 'sms', 'whatsapp')", name=op.f("ck_consent_entry_channel")),
        sa.CheckConstraint(
            "state IN ('subscribed', 'unsubscribed', 'pending', 'never_asked')", name=op.f("ck_consent_entry_state")
        ),
        sa.ForeignKeyConstraint(
            ["shop_id", "customer_id"],
            ["customer.shop_id", "customer.id"],
            name=op.f("fk_consent_entry_shop_id_customer_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_consent_entry_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_consent_entry")),
    )
    op.create_index(
        "uq_consent_entry_once",
        "consent_entry",
        ["shop_id", "customer_id", "channel", "purpose", "effective_at", "state", "source", "about"],
        unique=True,
    )
    op.create_table(
        "customer_address",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("address_hash", sa.LargeBinary(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("stamp", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('email', 'phone')", name=op.f("ck_customer_address_kind")),
        sa.ForeignKeyConstraint(
            ["shop_id", "customer_id"],
            ["customer.shop_id", "customer.id"],
            name=op.f("fk_customer_address_shop_id_customer_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_customer_address_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_customer_address")),
    )
    op.create_index("ix_customer_address_customer", "customer_address", ["shop_id", "customer_id"], unique=False)
    op.create_index("uq_customer_address", "customer_address", ["shop_id", "kind", "address_hash"], unique=True)
    op.create_table(
        "enrolment",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("journey_id", sa.BigInteger(), nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_key", sa.Text(), nullable=False),
        sa.Column("round", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("anchor_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column(
            "data", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.CheckConstraint("state IN ('active', 'completed', 'exited')", name=op.f("ck_enrolment_state")),
        sa.ForeignKeyConstraint(
            ["shop_id", "customer_id"],
            ["customer.shop_id", "customer.id"],
            name=op.f("fk_enrolment_shop_id_customer_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["shop_id", "journey_id"],
            ["journey.shop_id", "journey.id"],
            name=op.f("fk_enrolment_shop_id_journey_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_enrolment_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_enrolment")),
    )
    op.create_index(
        "ix_enrolment_customer", "enrolment", ["shop_id", "customer_id", "journey_id", "entered_at"], unique=False
    )
    op.create_index(
        "ix_enrolment_due",
        "enrolment",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'active' AND due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_enrolment_subject",
        "enrolment",
        ["shop_id", "subject_key"],
        unique=False,
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_index("uq_enrolment_round", "enrolment", ["shop_id", "journey_id", "subject_key", "round"], unique=True)
    op.create_table(
        "journey_version",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("journey_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("templates", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id", "journey_id"],
            ["journey.shop_id", "journey.id"],
            name=op.f("fk_journey_version_shop_id_journey_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_journey_version_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_journey_version")),
    )
    op.create_index("uq_journey_version_number", "journey_version", ["shop_id", "journey_id", "number"], unique=True)
    op.create_table(
        "message",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("enrolment_id", sa.BigInteger(), nullable=True),
        sa.Column("journey_id", sa.BigInteger(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("template_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "conditions", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("priority", sa.BigInteger(), server_default="50", nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_key", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("useful_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("repeats", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_token", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempt_id", sa.BigInteger(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("provider_ref", sa.Text(), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clicked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('planned', 'due', 'deferred', 'claimed', 'sending', 'unknown', 'accepted', 'delivered', 'bounced', 'parked', 'failed', 'skipped', 'expired', 'cancelled', 'complained')",
            name=op.f("ck_message_state"),
        ),
        sa.ForeignKeyConstraint(
            ["shop_id", "customer_id"],
            ["customer.shop_id", "customer.id"],
            name=op.f("fk_message_shop_id_customer_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["shop_id", "template_id"],
            ["template.shop_id", "template.id"],
            name=op.f("fk_message_shop_id_template_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_message_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_message")),
    )
    op.create_index("ix_message_attempt", "message", ["shop_id", "attempt_id"], unique=False)
    op.create_index(
        "ix_message_customer", "message", ["shop_id", "customer_id", "channel", "accepted_at"], unique=False
    )
    op.create_index(
        "ix_message_due",
        "message",
        ["channel", "shop_id", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('due', 'deferred')"),
    )
    op.create_index(
        "ix_message_leased",
        "message",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state IN ('claimed', 'sending', 'unknown')"),
    )
    op.create_index("ix_message_listed", "message", ["shop_id", "planned_at", "id"], unique=False)
    op.create_index("uq_message_step", "message", ["shop_id", "enrolment_id", "step"], unique=True)
    op.create_table(
        "orders",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("checkout_token", sa.Text(), nullable=True),
        sa.Column("cart_token", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("refunded", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("payment", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("fulfilled", sa.Boolean(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("status_url", sa.LargeBinary(), nullable=True),
        sa.Column(
            "lines", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("discount_codes", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refunded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("shipped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version_tie", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id", "customer_id"],
            ["customer.shop_id", "customer.id"],
            name=op.f("fk_orders_shop_id_customer_id"),
            ondelete="SET NULL (customer_id)",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_orders_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_orders")),
    )
    op.create_index(
        "ix_orders_cart",
        "orders",
        ["shop_id", "cart_token"],
        unique=False,
        postgresql_where=sa.text("cart_token IS NOT NULL"),
    )
    op.create_index(
        "ix_orders_checkout",
        "orders",
        ["shop_id", "checkout_token"],
        unique=False,
        postgresql_where=sa.text("checkout_token IS NOT NULL"),
    )
    op.create_index("ix_orders_customer", "orders", ["shop_id", "customer_id", "placed_at"], unique=False)
    op.create_index("uq_orders_external", "orders", ["shop_id", "external_id"], unique=True)
    op.create_table(
        "attempt",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["shop_id", "message_id"],
            ["message.shop_id", "message.id"],
            name=op.f("fk_attempt_shop_id_message_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_attempt_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_attempt")),
    )
    op.create_index("ix_attempt_message", "attempt", ["shop_id", "message_id"], unique=False)
    op.create_table(
        "engagement",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("link", sa.BigInteger(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("verdict_reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id", "message_id"],
            ["message.shop_id", "message.id"],
            name=op.f("fk_engagement_shop_id_message_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_engagement_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_engagement")),
    )
    op.create_index("ix_engagement_message", "engagement", ["shop_id", "message_id"], unique=False)
    op.create_table(
        "fulfilment",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("shipped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("version_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version_tie", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id", "order_id"],
            ["orders.shop_id", "orders.id"],
            name=op.f("fk_fulfilment_shop_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_fulfilment_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_fulfilment")),
    )
    op.create_index("ix_fulfilment_order", "fulfilment", ["shop_id", "order_id"], unique=False)
    op.create_index("uq_fulfilment_external", "fulfilment", ["shop_id", "external_id"], unique=True)
    op.create_table(
        "message_content",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("context", sa.LargeBinary(), nullable=False),
        sa.Column("links", sa.LargeBinary(), nullable=False),
        sa.Column("rendered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id", "message_id"],
            ["message.shop_id", "message.id"],
            name=op.f("fk_message_content_shop_id_message_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_message_content_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "message_id", name=op.f("pk_message_content")),
    )
    op.create_table(
        "purchase",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("line_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("product_external_id", sa.Text(), nullable=True),
        sa.Column("variant_external_id", sa.Text(), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("bought_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id", "customer_id"],
            ["customer.shop_id", "customer.id"],
            name=op.f("fk_purchase_shop_id_customer_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["shop_id", "order_id"],
            ["orders.shop_id", "orders.id"],
            name=op.f("fk_purchase_shop_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_purchase_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_purchase")),
    )
    op.create_index(
        "ix_purchase_person", "purchase", ["shop_id", "customer_id", "variant_external_id", "bought_at"], unique=False
    )
    op.create_index("ix_purchase_variant", "purchase", ["shop_id", "variant_external_id", "bought_at"], unique=False)
    op.create_index("uq_purchase_line", "purchase", ["shop_id", "order_id", "line_id"], unique=True)
    op.create_table(
        "refund",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("refunded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id", "order_id"],
            ["orders.shop_id", "orders.id"],
            name=op.f("fk_refund_shop_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_refund_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_refund")),
    )
    op.create_index("ix_refund_order", "refund", ["shop_id", "order_id"], unique=False)
    op.create_index("uq_refund_external", "refund", ["shop_id", "external_id"], unique=True)
    op.create_table(
        "review",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("product_external_id", sa.Text(), nullable=False),
        sa.Column("rating", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name=op.f("ck_review_rating")),
        sa.ForeignKeyConstraint(
            ["shop_id", "customer_id"],
            ["customer.shop_id", "customer.id"],
            name=op.f("fk_review_shop_id_customer_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["shop_id", "order_id"],
            ["orders.shop_id", "orders.id"],
            name=op.f("fk_review_shop_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_review_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_review")),
    )
    op.create_index("uq_review_product", "review", ["shop_id", "order_id", "product_external_id"], unique=True)
    op.create_table(
        "review_ask",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("product_external_id", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id", "customer_id"],
            ["customer.shop_id", "customer.id"],
            name=op.f("fk_review_ask_shop_id_customer_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["shop_id", "order_id"],
            ["orders.shop_id", "orders.id"],
            name=op.f("fk_review_ask_shop_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_review_ask_shop_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "id", name=op.f("pk_review_ask")),
    )
    op.create_index(
        "uq_review_ask", "review_ask", ["shop_id", "customer_id", "product_external_id", "order_id"], unique=True
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_index("uq_review_ask", table_name="review_ask")
    op.drop_table("review_ask")
    op.drop_index("uq_review_product", table_name="review")
    op.drop_table("review")
    op.drop_index("uq_refund_external", table_name="refund")
    op.drop_index("ix_refund_order", table_name="refund")
    op.drop_table("refund")
    op.drop_index("uq_purchase_line", table_name="purchase")
    op.drop_index("ix_purchase_variant", table_name="purchase")
    op.drop_index("ix_purchase_person", table_name="purchase")
    op.drop_table("purchase")
    op.drop_table("message_content")
    op.drop_index("uq_fulfilment_external", table_name="fulfilment")
    op.drop_index("ix_fulfilment_order", table_name="fulfilment")
    op.drop_table("fulfilment")
    op.drop_index("ix_engagement_message", table_name="engagement")
    op.drop_table("engagement")
    op.drop_index("ix_attempt_message", table_name="attempt")
    op.drop_table("attempt")
    op.drop_index("uq_orders_external", table_name="orders")
    op.drop_index("ix_orders_customer", table_name="orders")
    op.drop_index("ix_orders_checkout", table_name="orders", postgresql_where=sa.text("checkout_token IS NOT NULL"))
    op.drop_index("ix_orders_cart", table_name="orders", postgresql_where=sa.text("cart_token IS NOT NULL"))
    op.drop_table("orders")
    op.drop_index("uq_message_step", table_name="message")
    op.drop_index("ix_message_listed", table_name="message")
    op.drop_index(
        "ix_message_leased",
        table_name="message",
        postgresql_where=sa.text("state IN ('claimed', 'sending', 'unknown')"),
    )
    op.drop_index("ix_message_due", table_name="message", postgresql_where=sa.text("state IN ('due', 'deferred')"))
    op.drop_index("ix_message_customer", table_name="message")
    op.drop_index("ix_message_attempt", table_name="message")
    op.drop_table("message")
    op.drop_index("uq_journey_version_number", table_name="journey_version")
    op.drop_table("journey_version")
    op.drop_index("uq_enrolment_round", table_name="enrolment")
    op.drop_index("ix_enrolment_subject", table_name="enrolment", postgresql_where=sa.text("state = 'active'"))
    op.drop_index(
        "ix_enrolment_due", table_name="enrolment", postgresql_where=sa.text("state = 'active' AND due_at IS NOT NULL")
    )
    op.drop_index("ix_enrolment_customer", table_name="enrolment")
    op.drop_table("enrolment")
    op.drop_index("uq_customer_address", table_name="customer_address")
    op.drop_index("ix_customer_address_customer", table_name="customer_address")
    op.drop_table("customer_address")
    op.drop_index("uq_consent_entry_once", table_name="consent_entry")
    op.drop_table("consent_entry")
    op.drop_index("uq_checkout_token", table_name="checkout")
    op.drop_index("ix_checkout_customer", table_name="checkout")
    op.drop_index("ix_checkout_cart", table_name="checkout")
    op.drop_table("checkout")
    op.drop_index("uq_cart_token", table_name="cart")
    op.drop_table("cart")
    op.drop_index("uq_variant_external", table_name="variant")
    op.drop_index("ix_variant_stock_item", table_name="variant")
    op.drop_index("ix_variant_product", table_name="variant")
    op.drop_table("variant")
    op.drop_index("uq_template_digest", table_name="template")
    op.drop_table("template")
    op.drop_index("uq_suppression_address", table_name="suppression")
    op.drop_table("suppression")
    op.drop_index("uq_stock_level_place", table_name="stock_level")
    op.drop_table("stock_level")
    op.drop_table("shop_token")
    op.drop_index("uq_reorder_gap_scope", table_name="reorder_gap")
    op.drop_table("reorder_gap")
    op.drop_table("reconciliation")
    op.drop_index("uq_receipt_event", table_name="receipt")
    op.drop_table("receipt")
    op.drop_index("uq_provider_account_channel", table_name="provider_account")
    op.drop_table("provider_account")
    op.drop_index("uq_product_external", table_name="product")
    op.drop_table("product")
    op.drop_index("uq_privacy_request_delivery", table_name="privacy_request")
    op.drop_table("privacy_request")
    op.drop_index("uq_journey_key", table_name="journey")
    op.drop_table("journey")
    op.drop_index("uq_import_kind_span", table_name="import")
    op.drop_table("import")
    op.drop_index("uq_delivery_webhook", table_name="delivery")
    op.drop_index("ix_delivery_received", table_name="delivery")
    op.drop_index("ix_delivery_pending", table_name="delivery", postgresql_where=sa.text("state = 'pending'"))
    op.drop_index("ix_delivery_parked", table_name="delivery", postgresql_where=sa.text("state = 'parked'"))
    op.drop_table("delivery")
    op.drop_index("uq_decision_refusal", table_name="decision", postgresql_where=sa.text("outcome = 'not_entered'"))
    op.drop_index("ix_decision_enrolment", table_name="decision")
    op.drop_index("ix_decision_customer", table_name="decision")
    op.drop_table("decision")
    op.drop_index("uq_customer_external", table_name="customer")
    op.drop_index(
        "uq_customer_email",
        table_name="customer",
        postgresql_where=sa.text("email IS NOT NULL AND merged_into_id IS NULL"),
    )
    op.drop_index("ix_customer_phone", table_name="customer", postgresql_where=sa.text("phone IS NOT NULL"))
    op.drop_index("ix_customer_merged", table_name="customer", postgresql_where=sa.text("merged_into_id IS NOT NULL"))
    op.drop_index("ix_customer_last_order", table_name="customer")
    op.drop_table("customer")
    op.drop_index("uq_checkout_end", table_name="checkout_end")
    op.drop_table("checkout_end")
    op.drop_table("shop")
    op.drop_table("breaker")
