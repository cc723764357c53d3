"""Settings, API keys: made with what they may do, shown once, revoked at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Response, g, request

from app.admin import record
from app.admin.forms import Form
from app.admin.guard import bp
from app.admin.record import Action
from app.admin.showing import missing, page
from app.admin.words import _
from app.keys import service as keys
from app.keys.rules import SCOPES
from app.team import service as team
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST_NAME: Final = 60
SUBJECTS: Final[dict[str, str]] = {
    "customers": _("Customers"),
    "consent": _("Consent"),
    "messages": _("Messages"),
    "journeys": _("Journeys"),
    "reports": _("Reports"),
    "suppressions": _("Suppressed addresses"),
    "events": _("Events"),
    "webhooks": _("Subscriptions to events"),
    "settings": _("Settings"),
}


@bp.get("/admin/settings/keys", endpoint="keys")
def show() -> Response:
    """The page."""
    return _show()


@bp.post("/admin/settings/keys", endpoint="key_make")
def make() -> Response:
    """Make a key and show it, this once."""
    name, chosen = " ".join(request.form.get("name", "").split()), request.form.getlist("scopes")
    errors = _errors(name, chosen)
    if errors:
        return _show(status=422, form=Form({"name": name, "scopes": chosen}, errors))
    with transaction(g.shop_id) as session:
        made, key = keys.make(session, name, chosen, g.user_id)
        record.note(session, Action.API_KEY_MADE, key_number=made.id, after={"title": name, "scopes": chosen})
    return _show(toast=_("The key is ready"), key=key)


@bp.post("/admin/settings/keys/<int:key_id>/revoke", endpoint="key_revoke")
def revoke(key_id: int) -> Response:
    """End a key: the next request with it is refused."""
    with transaction(g.shop_id) as session:
        key = keys.revoke(session, key_id)
        if key is None:
            return missing(_("There is no such key"))
        record.note(session, Action.API_KEY_REVOKED, key_number=key_id, after={"title": key.name})
    return _show(toast=_("Revoked"))


def _errors(name: str, chosen: Sequence[str]) -> dict[str, str]:
    errors = {}
    if not name or not name.isprintable():
        errors["name"] = _("Say what the key is for, such as the name of the program.")
    elif len(name) > LONGEST_NAME:
        errors["name"] = _("Use at most {n} characters.", n=LONGEST_NAME)
    if not chosen or not set(chosen) <= set(SCOPES):
        errors["scopes"] = _("Choose at least one thing the key may do.")
    return errors


def _show(*, status: int = 200, toast: str | None = None, form: Form | None = None, key: str | None = None) -> Response:
    with transaction(g.shop_id) as session:
        found = keys.everyone(session, g.shop_id)
        names: Mapping[str, Any] = {m.user_id: m.name or m.email for m in team.everybody(session, g.shop_id)}
    return page(
        "keys.html",
        title=_("API keys"),
        status=status,
        toast=toast,
        keys=found,
        names=names,
        form=form or Form({"name": "", "scopes": []}),
        key=key,
        subjects=SUBJECTS,
        scopes=SCOPES,
        address="/admin/settings/keys",
    )
