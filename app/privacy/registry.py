"""Every column that can hold words, bytes or JSON, and what it means for the people in it.

The one list that erasure, data files, the audit log and the tests go by. A new column that isn't classified here fails
a test. Numbers, times and flags are not listed: without the columns below they name nobody.

- personal: names a person or was said by one. Erasure empties it, a data file shows it.
- pseudonymous: an id or a keyed hash that means somebody only beside other data. Kept after erasure, shown in a data
  file (hashes aside: they are for comparing only).
- operational: about the shop, its goods or our work. Says nothing about a shopper.
- secret: opens something. Never shown, never logged.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.extensions import Base
from app.security.sealed import SealedJson, SealedText

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Column, Table

KINDS = ("personal", "pseudonymous", "operational", "secret")

SEALED_BY_HAND = {("delivery", "body"): "delivery.body"}
"""Columns of bytes that are sealed outside SQLAlchemy -> their purpose. Deliveries are bound to their store's address,
since the shop's number isn't known when they come in."""

BY_CUSTOMER = "customer_id = ANY(:people)"
BY_MESSAGE = "message_id IN (SELECT id FROM message WHERE shop_id = :shop AND customer_id = ANY(:people))"
BY_ORDER = (
    "order_id IN (SELECT id FROM orders WHERE shop_id = :shop AND (customer_id = ANY(:people) OR "
    "external_id = ANY(:orders)))"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One table."""

    title: str
    """What a merchant reads above its rows in a data file."""
    personal: str = ""
    pseudonymous: str = ""
    operational: str = ""
    secret: str = ""
    of_person: str | None = None
    """SQL that is true for a person's rows: `:people` are customer ids, `:orders` the store's order ids."""
    whole: bool = False
    """Its rows are nothing without what is personal in them: erasure deletes them."""

    def kinds(self) -> Iterator[tuple[str, str]]:
        """(column, kind) for every column listed."""
        for kind in KINDS:
            yield from ((column, kind) for column in getattr(self, kind).split())


TABLES: dict[str, Entry] = {
    "customer": Entry(
        "Person",
        personal="email phone first_name last_name first_name_lower last_name_lower locale country province city "
        "postal_code tags tag_times",
        pseudonymous="external_id preferred_channel",
        operational="told version_tie",
        of_person="id = ANY(:people)",
    ),
    "customer_address": Entry(
        "Address claims", pseudonymous="address_hash", operational="kind stamp", of_person=BY_CUSTOMER, whole=True
    ),
    "consent_entry": Entry(
        "Consent",
        personal="evidence",
        pseudonymous="about",
        operational="channel purpose state source collected wording",
        of_person=BY_CUSTOMER,
    ),
    "consent_hold": Entry("Ended by a merge", operational="channel purpose", of_person=BY_CUSTOMER),
    "consent_write": Entry("Consent told to the store", operational="channel state outcome", of_person=BY_CUSTOMER),
    "opt_in": Entry("Asked to confirm", operational="channel outcome", of_person=BY_CUSTOMER),
    "preference": Entry(
        "Choices", personal="locale", operational="topics_off frequency source", of_person=BY_CUSTOMER
    ),
    "suppression": Entry("Never written to", pseudonymous="address_hash", operational="channel reason source"),
    "cart": Entry(
        "Carts", pseudonymous="token", operational="currency lines version_tie", of_person=BY_CUSTOMER
    ),
    "checkout": Entry(
        "Checkouts",
        personal="recovery_url locale",
        pseudonymous="token cart_token",
        operational="currency lines version_tie",
        of_person=BY_CUSTOMER,
    ),
    "checkout_end": Entry("Ended checkouts", pseudonymous="token", operational="kind"),
    "orders": Entry(
        "Orders",
        personal="status_url locale",
        pseudonymous="external_id name checkout_token cart_token discount_codes",
        operational="currency payment channel lines version_tie",
        of_person="(customer_id = ANY(:people) OR external_id = ANY(:orders))",
    ),
    "fulfilment": Entry("Parcels", pseudonymous="external_id", operational="version_tie", of_person=BY_ORDER),
    "refund": Entry("Refunds", pseudonymous="external_id", of_person=BY_ORDER),
    "purchase": Entry(
        "Bought", pseudonymous="line_id", operational="product_external_id variant_external_id", of_person=BY_CUSTOMER
    ),
    "review": Entry("Reviews", personal="words", operational="product_external_id", of_person=BY_CUSTOMER),
    "review_ask": Entry("Asked for a review", operational="product_external_id", of_person=BY_CUSTOMER),
    "enrolment": Entry(
        "Journeys",
        pseudonymous="subject_key data",
        operational="subject_kind state step end_reason",
        of_person=BY_CUSTOMER,
    ),
    "decision": Entry(
        "Decisions", pseudonymous="subject_key detail", operational="step outcome reason", of_person=BY_CUSTOMER
    ),
    "message": Entry(
        "Messages",
        pseudonymous="subject_key provider_ref",
        operational="step conditions channel purpose audience subject_kind state reason provider",
        of_person=BY_CUSTOMER,
    ),
    "message_content": Entry("Contents of messages", personal="context links", of_person=BY_MESSAGE, whole=True),
    "attempt": Entry("Hand-overs of messages", operational="provider outcome code", of_person=BY_MESSAGE),
    "receipt": Entry(
        "Providers' reports", pseudonymous="event_id", operational="provider kind code", of_person=BY_MESSAGE
    ),
    "engagement": Entry(
        "Opens and clicks",
        pseudonymous="network",
        operational="kind verdict verdict_reason system",
        of_person=BY_MESSAGE,
    ),
    "attribution": Entry("Orders our messages brought", operational="model step channel", of_person=BY_ORDER),
    "message_count": Entry("Messages by day", operational="step channel state reason"),
    "message_count_change": Entry("Changes to messages by day", operational="step channel state reason"),
    "message_count_zone": Entry("Zone of messages by day", operational="zone"),
    "report_day": Entry("What messages brought by day", operational="step"),
    "data_file": Entry("Data files", personal="content", of_person=BY_CUSTOMER, whole=True),
    "consent_wording": Entry("What people agree to", pseudonymous="created_by", operational="channel sentence"),
    "people_file": Entry("Files of people", pseudonymous="created_by", operational="name state header mapping"),
    "people_part": Entry("Lines of files", personal="content"),
    "people_refusal": Entry("Lines refused", operational="field reason"),
    # Emptied by searching, since they don't say whose they are until they are opened (`searching`, `requests`).
    "delivery": Entry(
        "Webhooks",
        personal="body",
        pseudonymous="webhook_id event_id",
        operational="platform shop_domain topic api_version state reason",
    ),
    "privacy_request": Entry("Privacy requests", personal="details", pseudonymous="reference", operational="kind"),
    "processor_erasure": Entry(
        "Erasures asked of providers", personal="addresses", pseudonymous="provider_ref", operational="provider outcome"
    ),
    # The merchant's, not a shopper's: `shop_redact` deletes them.
    "shop": Entry(
        "Shop",
        personal="email address",
        operational="platform domain state name currency timezone country locale storefront_url settings scopes "
        "version_tie",
    ),
    "shop_token": Entry("Access to the store", secret="access_token refresh_token"),  # noqa: S106 names of columns
    "provider_account": Entry("Provider accounts", operational="channel provider", secret="credentials"),  # noqa: S106
    "import": Entry("Imports", operational="kind span state export_id error"),
    "reconciliation": Entry("Reconciliation", operational="kind error"),
    "product": Entry(
        "Products",
        operational="external_id title handle product_type vendor image_url tags version_tie",
    ),
    "variant": Entry(
        "Variants", operational="external_id product_external_id title sku stock_item_id version_tie"
    ),
    "stock_level": Entry("Stock", operational="stock_item_id location_id version_tie"),
    "reorder_gap": Entry("How long things last", operational="scope key spread"),
    "journey": Entry("Journeys of the shop", operational="key name event"),
    "journey_version": Entry("Versions of journeys", pseudonymous="made_by", operational="definition templates"),
    "journey_draft": Entry("Drafts of journeys", pseudonymous="moved_by"),
    "journey_revision": Entry("Steps of drafts", pseudonymous="made_by", operational="definition templates"),
    "journey_aside": Entry("Edits set aside", pseudonymous="made_by", operational="seen edit templates"),
    "template": Entry("Templates", operational="channel source digest"),
    "brake": Entry("Complaints and countries", operational="state sells_to"),
    "sending_day": Entry("Sent and spent a day"),
    "number_block": Entry("New numbers a block", operational="block"),
    "soft_bounce": Entry("Bounces in a row", pseudonymous="address_hash", of_person=BY_CUSTOMER, whole=True),
    "sending_domain": Entry("Sending domains", operational="domain state provider_ref records findings error"),
    "hosted_service": Entry(
        "Services of the host's account", operational="name state service number_sid number refused error"
    ),
    "messaging_service": Entry("Services texts come to", operational="service"),
    "breaker": Entry("How providers are doing", operational="provider"),
    # The merchant's staff: `shop_redact` deletes them.
    "member": Entry("Team", personal="name email", pseudonymous="user_id", operational="role"),
    "api_key": Entry("Keys of the API", pseudonymous="made_by", operational="name scopes hint", secret="digest"),  # noqa: S106
    "api_answer": Entry("Answers of the API", operational="reference", secret="request body"),  # noqa: S106
    "hook": Entry(
        "Subscriptions to events",
        pseudonymous="made_by",
        operational="url kinds state",
        secret="secret old_secret",  # noqa: S106
    ),
    "hook_event": Entry("Told to your other systems", pseudonymous="data", operational="kind", of_person=BY_CUSTOMER),
    "hook_delivery": Entry("How telling went", operational="state code"),
    "audit_entry": Entry(
        "Audit log", pseudonymous="actor targets", operational="action before after"
    ),
}  # fmt: skip


@cache
def kinds() -> dict[tuple[str, str], str]:
    """(table, column) -> its kind."""
    return {(table, column): kind for table, entry in TABLES.items() for column, kind in entry.kinds()}


def table(name: str) -> Table:
    """The table itself."""
    return Base.metadata.tables[name]


def sealed(column: Column[Any]) -> bool:
    """Whether it is encrypted."""
    return isinstance(column.type, SealedText | SealedJson)


def emptied(column: Column[Any]) -> str:
    """SQL for what a personal column holds after erasure."""
    if column.nullable:
        return "NULL"
    if isinstance(column.type, JSONB):
        return "'{}'::jsonb"
    if isinstance(column.type, ARRAY):
        return "'{}'"
    if sealed(column):
        message = f"{column} is sealed and can't be NULL: delete its rows (`whole`) or let it be NULL"
        raise TypeError(message)
    return "''"
