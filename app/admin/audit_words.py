"""What the entries of the audit log mean, in the merchant's words."""

from __future__ import annotations

from typing import Final

from app.admin.words import _

ACTIONS: Final[dict[str, str]] = {
    # Looked at
    "person_viewed": _("Looked at a customer"),
    "message_viewed": _("Looked at a message"),
    "delivery_viewed": _("Looked at news from the store"),
    "people_listed": _("Looked at a list of customers"),
    "consent_exported": _("Took proof of consent along"),
    "figures_exported": _("Took figures along"),
    "audit_exported": _("Took the audit log along"),
    "data_file_downloaded": _("Downloaded a customer's data"),
    # People
    "consent_changed": _("Changed a customer's consent"),
    "customer_excluded": _("Took a customer out of their journeys"),
    "suppression_added": _("Suppressed an address"),
    "suppression_lifted": _("Lifted a suppression"),
    "erasure_asked": _("Asked for a customer's erasure"),
    "person_erased": _("Erased a customer"),
    "data_file_made": _("Made the file of a customer's data"),
    "provider_asked_to_erase": _("Asked a provider to erase"),
    "retention_applied": _("Removed what was kept long enough"),
    "people_file": _("Brought people in by file"),
    # Journeys and messages
    "journey_turned_on": _("Turned a journey on"),
    "journey_turned_off": _("Turned a journey off"),
    "journey_changed": _("Changed a journey"),
    "message_cancelled": _("Dropped messages"),
    "message_repeated": _("Tried messages again"),
    "test_sent": _("Sent a test"),
    "deliveries_replayed": _("Read news from the store again"),
    # The shop
    "settings_changed": _("Changed the settings"),
    "sending_domain_looked_at": _("Had the sending domain looked at"),
    "complaint_stop_lifted": _("Let marketing go again in spite of complaints"),
    "provider_account_changed": _("Changed a provider's account"),
    "shop_installed": _("Installed the app"),
    "shop_erased": _("Erased a shop"),
    "shop_erasure_refused": _("Kept a shop that was installed again"),
    "member_joined": _("Opened the app for the first time"),
    "role_changed": _("Changed a role"),
    "api_key_made": _("Made an API key"),
    "api_key_revoked": _("Revoked an API key"),
    "hook_made": _("Subscribed an address to events"),
    "hook_changed": _("Changed a subscription to events"),
    "hook_removed": _("Ended a subscription to events"),
    "hook_secret_changed": _("Changed the secret of a subscription"),
    "event_sent_again": _("Sent an event again"),
    "action_taken": _("Did something else"),
}
ACTORS: Final[dict[str, str]] = {
    "system": _("Regulars itself"),
    "store": _("Your store"),
    "operator": _("The host, at the command line"),
}
LINKS: Final[dict[str, str]] = {
    "customer": "/admin/customers/{}",
    "message": "/admin/messages/{}",
    "journey": "/admin/journeys/{}",
}
"""Where a thing is shown."""
