"""What each page and action asks of whoever opens it: the one place where that is said."""

from __future__ import annotations

from typing import Final

from app.team.rules import Role

NEEDED: Final[dict[str, Role]] = {
    "admin.customers_csv": Role.EDITOR,
    "admin.customer_erase": Role.OWNER,
    "admin.consent_json": Role.EDITOR,
    "admin.consent_csv": Role.EDITOR,
    "admin.customer_consent_json": Role.EDITOR,
    "admin.customer_consent_csv": Role.EDITOR,
    "admin.privacy_file": Role.OWNER,
    "admin.audit": Role.OWNER,
    "admin.audit_csv": Role.OWNER,
    "admin.hooks": Role.OWNER,
    "admin.hook_make": Role.OWNER,
    "admin.hook_deed": Role.OWNER,
    "admin.hook_again": Role.OWNER,
    "admin.keys": Role.OWNER,
    "admin.key_make": Role.OWNER,
    "admin.key_revoke": Role.OWNER,
    "admin.team_role": Role.OWNER,
    "admin.team_newcomers": Role.OWNER,
}
"""By endpoint, where it isn't the usual."""


def needed(endpoint: str, method: str) -> Role:
    """Looking takes a viewer, changing an editor, unless `NEEDED` says more."""
    usual = Role.VIEWER if method in ("GET", "HEAD", "OPTIONS") else Role.EDITOR
    return NEEDED.get(endpoint, usual)
