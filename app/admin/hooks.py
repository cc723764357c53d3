"""Settings, Webhooks: addresses of other systems that are told what happens, and how telling them went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Response, g, request

from app.admin import record
from app.admin.forms import Form
from app.admin.guard import bp
from app.admin.queries import hooks as queries
from app.admin.record import Action
from app.admin.showing import missing, page
from app.admin.words import _
from app.hooks import service as hooks
from app.hooks.rules import KINDS
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

URL_FAULTS: Final = {
    "not_a_url": _("This isn't an address."),
    "not_https": _("Use an address that begins with https://"),
    "has_login": _("Leave the name and password out of the address."),
    "port_refused": _("Use the usual port, or one above 1023."),
}
LONGEST: Final = 2_000


@bp.get("/admin/settings/hooks", endpoint="hooks")
def show() -> Response:
    """The page."""
    return _show()


@bp.post("/admin/settings/hooks", endpoint="hook_make")
def make() -> Response:
    """Subscribe an address, and show the secret this once."""
    url, chosen = request.form.get("url", "").strip(), request.form.getlist("kinds")
    errors = _errors(url, chosen)
    if not errors:
        with transaction(g.shop_id) as session:
            made = hooks.make(session, url, chosen, f"user:{g.user_id}")
            if not isinstance(made, hooks.TooMany):
                record.note(session, Action.HOOK_MADE, hook=made.id, after={"kinds": made.kinds})
        if not isinstance(made, hooks.TooMany):
            return _show(toast=_("Subscribed"), secret=made.secret)
        errors = {"url": _("You have {n} subscriptions, which is the most. Remove one first.", n=hooks.MOST)}
    return _show(status=422, form=Form({"url": url, "kinds": chosen}, errors))


@bp.post("/admin/settings/hooks/<int:hook_id>/<deed>", endpoint="hook_deed")
def act(hook_id: int, deed: str) -> Response:
    """Turn one on or off, try it, change its secret, or remove it."""
    secret = None
    with transaction(g.shop_id) as session:
        hook = hooks.find(session, hook_id)
        if hook is None or deed not in DONE:
            return missing(_("There is no such subscription"))
        if deed in ("on", "off"):
            hooks.change(hook, on=deed == "on")
            record.note(session, Action.HOOK_CHANGED, hook=hook_id, after={"state": deed})
        elif deed == "test":
            hooks.test(session, hook)
            record.note(session, Action.TEST_SENT, hook=hook_id)
        elif deed == "secret":
            secret = hooks.new_secret(hook)
            record.note(session, Action.HOOK_SECRET_CHANGED, hook=hook_id)
        else:
            hooks.remove(session, hook)
            record.note(session, Action.HOOK_REMOVED, hook=hook_id)
    return _show(toast=DONE[deed], secret=secret)


@bp.post("/admin/settings/hooks/deliveries/<int:delivery_id>/again", endpoint="hook_again")
def again(delivery_id: int) -> Response:
    """Tell an event once more."""
    with transaction(g.shop_id) as session:
        event_id = hooks.again(session, delivery_id)
        if event_id is None:
            return missing(_("There is no such event"))
        record.note(session, Action.EVENT_SENT_AGAIN, event=event_id)
    return _show(toast=_("It is on its way again"))


DONE: Final = {
    "on": _("It is on"),
    "off": _("It is off"),
    "test": _("A test is on its way"),
    "secret": _("The secret is changed"),
    "remove": _("Removed"),
}


def _errors(url: str, chosen: Sequence[str]) -> dict[str, str]:
    errors = {}
    code = hooks.fault(url[: LONGEST + 1])
    if code is not None:
        errors["url"] = URL_FAULTS.get(code, URL_FAULTS["not_a_url"])
    if not chosen or not set(chosen) <= set(KINDS):
        errors["kinds"] = _("Choose at least one kind of event.")
    return errors


def _show(
    *, status: int = 200, toast: str | None = None, form: Form | None = None, secret: str | None = None
) -> Response:
    with transaction(g.shop_id) as session:
        found = hooks.everyone(session, g.shop_id)
        told = queries.latest(session, g.shop_id)
    return page(
        "hooks.html",
        title=_("Webhooks"),
        status=status,
        toast=toast,
        hooks=found,
        told=told,
        form=form or Form({"url": "", "kinds": []}),
        secret=secret,
        kinds=KINDS,
        address="/admin/settings/hooks",
    )
