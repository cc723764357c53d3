"""The audit log: who did what to whom. Ids only; secrets and personal values never get into it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from app import clock
from app.privacy.registry import TABLES
from app.security.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

ACTOR = re.compile(r"system|operator|store|(?:user|key):[A-Za-z0-9_-]{1,64}")
SECRET = "[secret]"  # noqa: S105 what stands in its place
PERSONAL = "[personal]"
_SECRET_NAMES = re.compile(r"secret|password|credential|api_?key|(?:^|_)(?:token|key)$", re.IGNORECASE)
_PERSONAL_NAMES = frozenset(
    column for entry in TABLES.values() if entry.of_person for column in entry.personal.split()
) | {"to", "address", "body", "details", "name"}


class Action(StrEnum):
    """All that can be on record. Words are added here, never taken away: old entries keep theirs."""

    PERSON_ERASED = "person_erased"
    SHOP_ERASED = "shop_erased"
    SHOP_ERASURE_REFUSED = "shop_erasure_refused"
    PROVIDER_ASKED_TO_ERASE = "provider_asked_to_erase"
    DATA_FILE_MADE = "data_file_made"
    DATA_FILE_DOWNLOADED = "data_file_downloaded"
    RETENTION_APPLIED = "retention_applied"
    PERSON_VIEWED = "person_viewed"
    MESSAGE_VIEWED = "message_viewed"
    DELIVERY_VIEWED = "delivery_viewed"
    PEOPLE_LISTED = "people_listed"
    CONSENT_EXPORTED = "consent_exported"
    CONSENT_CHANGED = "consent_changed"
    SUPPRESSION_ADDED = "suppression_added"
    SUPPRESSION_LIFTED = "suppression_lifted"
    JOURNEY_TURNED_ON = "journey_turned_on"
    JOURNEY_TURNED_OFF = "journey_turned_off"
    JOURNEY_CHANGED = "journey_changed"
    MESSAGE_CANCELLED = "message_cancelled"
    MESSAGE_REPEATED = "message_repeated"
    DELIVERIES_REPLAYED = "deliveries_replayed"
    SETTINGS_CHANGED = "settings_changed"
    PROVIDER_ACCOUNT_CHANGED = "provider_account_changed"
    SHOP_INSTALLED = "shop_installed"
    MEMBER_JOINED = "member_joined"
    ROLE_CHANGED = "role_changed"
    CUSTOMER_EXCLUDED = "customer_excluded"
    ERASURE_ASKED = "erasure_asked"
    TEST_SENT = "test_sent"
    FIGURES_EXPORTED = "figures_exported"
    AUDIT_EXPORTED = "audit_exported"
    API_KEY_MADE = "api_key_made"
    API_KEY_REVOKED = "api_key_revoked"
    HOOK_MADE = "hook_made"
    HOOK_CHANGED = "hook_changed"
    HOOK_REMOVED = "hook_removed"
    HOOK_SECRET_CHANGED = "hook_secret_changed"  # noqa: S105 a word
    EVENT_SENT_AGAIN = "event_sent_again"
    SENDING_DOMAIN_LOOKED_AT = "sending_domain_looked_at"
    COMPLAINT_STOP_LIFTED = "complaint_stop_lifted"
    PEOPLE_FILE = "people_file"
    ACTION_TAKEN = "action_taken"
    """Anything that has no word of its own yet; its target is the route."""


def note(
    session: Session,
    actor: str,
    action: Action,
    *,
    targets: Mapping[str, Any],
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Put on record, in the transaction that does it, what is done to a shop's data.

    `targets`: kind of thing -> its id, or a few ids. `before` and `after`: only what changed; secrets and personal
    values in them are masked.

    Raises:
        ValueError: an actor that isn't one of ours.
    """
    if not ACTOR.fullmatch(actor):
        raise ValueError(f"an actor is system, operator, store, user:<id> or key:<id>, not {actor!r}")
    session.execute(
        text(
            "INSERT INTO audit_entry (shop_id, at, actor, action, targets, before, after) VALUES (:shop, :now, :actor, "
            ":action, CAST(:targets AS jsonb), CAST(:before AS jsonb), CAST(:after AS jsonb))"
        ),
        {
            "shop": session.info["shop_id"],
            "now": clock.now(),
            "actor": actor,
            "action": action.value,
            "targets": _json(targets),
            "before": _json(before or {}),
            "after": _json(after or {}),
        },
    )


def masked(value: Any, name: str = "") -> Any:
    """The value as it may be kept: secrets and personal values by name, whatever looks like an address by its looks."""
    if value not in (None, "", [], {}) and not isinstance(value, bool):
        if _SECRET_NAMES.search(name):
            return SECRET
        if name in _PERSONAL_NAMES and not isinstance(value, dict):
            return PERSONAL
    if isinstance(value, dict):
        return {str(key): masked(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked(inner, name) for inner in value]
    return redact(value) if isinstance(value, str) else value


def _json(values: Mapping[str, Any]) -> str:
    return orjson.dumps(masked(dict(values)), default=str).decode()
