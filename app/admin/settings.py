"""Settings: who writes, when not, how often, how it looks, and the switch that stops it all."""

from __future__ import annotations

from typing import Any

from flask import Response, g, request

from app import clock
from app.admin import forms, installing, record
from app.admin.forms import Form
from app.admin.guard import bp, settings as installation, shopify
from app.admin.showing import missing, page
from app.admin.words import _
from app.brakes import service as brakes
from app.customers import wordings
from app.domains import service as domains
from app.shops import service as shops, settings as shop_settings
from app.transaction import transaction

WAITED_FOR = {
    "sending": ("domain_unverified", "ramp"),
    "sender": ("domain_unverified", "domain_taken"),
    "texting": ("sms_day_cap", "sms_month_cap", "sms_new_numbers"),
}
"""Part of the settings -> why messages wait that a change of it may let go."""


@bp.get("/admin/settings", endpoint="settings")
def show() -> Response:
    """The page as stored."""
    return _show()


@bp.post("/admin/settings/<part>", endpoint="settings_part")
def save(part: str) -> Response:
    """Store one form; what can't be is answered beside its field and the rest of the form is kept."""
    if part not in (*forms.PARTS, "postal_address"):
        return missing(_("There are no such settings"))
    checked = forms.check(part, request.form)
    if isinstance(checked, Form):
        return _show(status=422, part=part, form=checked)
    store(part, checked.value)
    return _show(toast=_("Saved"))


@bp.post("/admin/settings/consent", endpoint="settings_consent")
def consent() -> Response:
    """Whether emails need a second yes; turned on, it is asked of everybody who says yes from now on."""
    before = shop_settings.of(g.shop).consent
    wanted = "email_double_opt_in" in request.form
    since = before.email_since if wanted and before.email_double_opt_in else clock.now() if wanted else None
    store("consent", shop_settings.Consent(email_double_opt_in=wanted, email_since=since).model_dump(mode="json"))
    return _show(toast=_("Saved"))


@bp.post("/admin/settings/wording", endpoint="settings_wording")
def wording() -> Response:
    """The sentences that people agree to from now on; those before stay on record."""
    checked = forms.check_wordings(request.form)
    if isinstance(checked, Form):
        return _show(status=422, part="wording", form=checked)
    with transaction(g.shop_id) as session:
        before = wordings.present(session)
        made = wordings.replace(session, checked.value, f"user:{g.user_id}")
        if made:
            record.note(
                session,
                record.Action.SETTINGS_CHANGED,
                part="wording",
                before={before[channel].label: before[channel].words for channel in made},
                after={new.label: new.words for new in made.values()},
            )
    return _show(toast=_("Saved"))


@bp.post("/admin/settings/stop", endpoint="settings_stop")
def stop() -> Response:
    """Stop all marketing, at once."""
    store("stopped", value=True)
    return _show(toast=_("All marketing is stopped"))


@bp.post("/admin/settings/resume", endpoint="settings_resume")
def resume() -> Response:
    """Let marketing go again."""
    store("stopped", value=False)
    return _show(toast=_("Marketing goes again"))


@bp.post("/admin/settings/brand/read", endpoint="settings_brand_read")
def read_brand() -> Response:
    """Ask the store anew how it looks; what was chosen here stays."""
    after = installing.read_brand(shopify(), g.shop_id, f"user:{g.user_id}")
    with transaction(g.shop_id) as session:
        g.shop = shops.get(session)
    g.on_record = bool(after)
    if after is None:
        return _show(toast=_("Your store gave no answer; nothing changed"))
    return _show(toast=_("Read from your store") if after else _("Your store says nothing new"))


def store(part: str, value: Any) -> None:
    """Store one part of the shop's settings; what changed goes on record."""
    with transaction(g.shop_id) as session:
        shop = shops.get(session)
        session.refresh(shop, with_for_update=True)  # two forms saved at once must not undo each other
        before = shop_settings.of(shop).model_dump()[part]
        shop.settings = shop_settings.changed(shop, part, value)
        if part == "sender":
            domains.present(session, installation())
        brakes.release(session, *WAITED_FOR.get(part, ()))
        record.note(
            session,
            record.Action.SETTINGS_CHANGED,
            part=part,
            before=_apart(before, value),
            after=_apart(value, before),
        )
        g.shop = shop


def _apart(values: Any, others: Any) -> dict[str, Any]:
    """What one has otherwise than the other."""
    if not isinstance(values, dict):
        return {"value": values} if values != others else {}
    return {name: value for name, value in values.items() if value != (others or {}).get(name)}


def _show(
    *, status: int = 200, toast: str | None = None, part: str | None = None, form: Form | None = None
) -> Response:
    chosen = shop_settings.of(g.shop)
    with transaction(g.shop_id) as session:
        sentences = wordings.all_of(session)
    shown = forms.shown(chosen)
    shown["wording"] = Form({channel: each[-1].words for channel, each in sentences.items()})
    if part is not None and form is not None:
        shown[part] = form
    return page(
        "settings.html",
        title=_("Settings"),
        status=status,
        toast=toast,
        forms=shown,
        stopped=chosen.stopped,
        sentences=sentences,
        read=chosen.brand_read,
        address="/admin/settings",
        sender=installation().sender_email,
    )
