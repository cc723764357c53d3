"""Settings, Sending: the domain mails come from, what readers think of them, and what texts may cost."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, g, request

from app.admin import braking, forms, record
from app.admin.braking import dollars
from app.admin.forms import Form
from app.admin.guard import bp, settings as installation
from app.admin.settings import store
from app.admin.showing import page, part
from app.admin.words import _
from app.brakes import rules, service as brakes
from app.channels.sms.prices import MICROS_PER_DOLLAR
from app.domains import service as domains
from app.shops import accounts, settings as shop_settings
from app.shops.accounts import TwilioAccount
from app.texting import service as hosted
from app.transaction import transaction

MECHANISMS: Final = (
    ("spf", "SPF", _("Names the servers that may send for you")),
    ("dkim", "DKIM", _("Signs every email with your name")),
    ("dmarc", "DMARC", _("Says that both must agree with your address")),
)
FINDINGS: Final = {
    "spf": _("In order."),
    "dkim": _("In order."),
    "dmarc": _("In order, and it agrees with your address."),
    "no_record": _("There is no record {found} yet."),
    "other_record": _("The record leads elsewhere: {found}"),
    "no_spf": _("There is no record that begins with v=spf1."),
    "two_spf": _("There are two records that begin with v=spf1; mailboxes then take neither."),
    "no_key": _("The record has no key."),
    "no_dmarc": _("There is no policy: add the record below."),
    "two_dmarc": _("There are two policies; mailboxes then take neither."),
    "no_policy": _("The policy says neither none, quarantine nor reject."),
    "not_aligned": _("The policy is stricter than these records: it wants exactly your domain."),
}
ERRORS: Final = {
    "provider_disagrees": _("The records are there, but SendGrid hasn't seen them yet. This can take an hour."),
    "http_401": _("SendGrid refuses the key."),
    "http_403": _("SendGrid's key may not manage domains: it needs the permission “Sender Authentication”."),
}


@bp.get("/admin/settings/sending", endpoint="sending")
def show() -> Response:
    """The page."""
    return _show()


@bp.get("/admin/settings/sending/domain", endpoint="sending_domain")
def domain() -> Response:
    """The domain's card; refreshes itself while a look is under way."""
    with transaction(g.shop_id) as session:
        return part("sending_domain.html", **_domain(session))


@bp.post("/admin/settings/sending/look", endpoint="sending_look")
def look() -> Response:
    """Look at the domain's DNS now."""
    with transaction(g.shop_id) as session:
        domains.look_soon(session, installation())
        record.note(session, record.Action.SENDING_DOMAIN_LOOKED_AT)
    return _show(toast=_("Looking…"))


@bp.post("/admin/settings/sending/unverified/<word>", endpoint="sending_unverified")
def unverified(word: str) -> Response:
    """The merchant's word that marketing may go from a domain that isn't verified, or no longer may."""
    chosen = shop_settings.of(g.shop).sending
    store("sending", chosen.model_copy(update={"unverified": word == "allow"}).model_dump())
    return _show(toast=_("Saved"))


@bp.post("/admin/settings/sending/ramp/<word>", endpoint="sending_ramp")
def ramp(word: str) -> Response:
    """Begin slowly, or not."""
    chosen = shop_settings.of(g.shop).sending
    store("sending", chosen.model_copy(update={"ramp": word != "off"}).model_dump())
    return _show(toast=_("Saved"))


@bp.post("/admin/settings/sending/texting", endpoint="sending_texting")
def texting() -> Response:
    """What texts may cost and where they may go."""
    checked = forms.check("texting", request.form)
    if isinstance(checked, Form):
        return _show(status=422, form=checked)
    store("texting", checked.value)
    return _show(toast=_("Saved"))


@bp.post("/admin/settings/sending/twilio", endpoint="sending_twilio")
def twilio() -> Response:
    """Texts go by the shop's own Twilio account, or by the host's again."""
    if "remove" in request.form:
        with transaction(g.shop_id) as session:
            accounts.use_hosts_texts(session)
            hosted.want(session)
            record.note(session, record.Action.PROVIDER_ACCOUNT_CHANGED, after={"channel": "sms", "whose": "host"})
        return _show(toast=_("Texts go by the host's account"))
    checked = forms.check_against(TwilioAccount, request.form)
    if isinstance(checked, Form):
        return _show(status=422, twilio=checked)
    account = TwilioAccount.model_validate(checked.value)
    if account.messaging_service_sid == installation().twilio.messaging_service_sid:
        errors = {"messaging_service_sid": _("This service belongs to whoever runs Regulars.")}
        return _show(status=422, twilio=Form(checked.value, errors))
    with transaction(g.shop_id) as session:
        accounts.use_own_twilio(session, account)
        hosted.leave(session)
        after = {"channel": "sms", "whose": "own", "service": account.messaging_service_sid}
        record.note(session, record.Action.PROVIDER_ACCOUNT_CHANGED, after=after)
    return _show(toast=_("Texts go by your account"))


@bp.post("/admin/settings/sending/lift", endpoint="sending_lift")
def lift() -> Response:
    """Let marketing go again although readers complained."""
    with transaction(g.shop_id) as session:
        if brakes.lift(session):
            record.note(session, record.Action.COMPLAINT_STOP_LIFTED)
    return _show(toast=_("Marketing goes again"))


def _show(
    *, status: int = 200, toast: str | None = None, form: Form | None = None, twilio: Form | None = None
) -> Response:
    with transaction(g.shop_id) as session:
        values = _domain(session)
        own = accounts.own(session, "sms")
        found = braking.stand(session)
    return page(
        "sending.html",
        title=_("Sending"),
        status=status,
        toast=toast,
        stand=found,
        states=braking.STATES,
        number=braking.NUMBERS.get(found.number or ""),
        number_state=found.number,
        money=_money(found),
        forms={"texting": form or forms.shown(found.chosen)["texting"], "twilio": _kept(twilio)},
        own_service=own.credentials.get("messaging_service_sid", "") if own is not None else "",
        inbound=f"{installation().public_url}/receipts/twilio/inbound",
        stop_share=f"{rules.STOP_SHARE:.1%}",
        address=braking.PAGE,
        **values,
    )


def _kept(typed: Form | None) -> Form:
    """What was typed, without what is secret: that is never shown, not even to who typed it."""
    if typed is None:
        return Form(dict.fromkeys(TwilioAccount.model_fields, ""))
    return Form({**typed.values, "auth_token": "", "signing_key": ""}, typed.errors)


def _domain(session: Any) -> dict[str, Any]:
    row = domains.present(session, installation())
    checks = []
    for name, label, about in MECHANISMS:
        found = row.findings.get(name)
        if found is None and row.findings:
            continue  # nobody but a plain mail server knows the name of its key
        text = FINDINGS.get(found["code"], "").format(found=found["found"]) if found else _("Not looked at yet.")
        checks.append((label, about, found["state"] if found else "waiting", text))
    return {
        "domain": row,
        "checks": checks,
        "dmarc_missing": row.findings.get("dmarc", {}).get("code") == "no_dmarc",
        "problem": _problem(row.error),
        "sending": shop_settings.of(g.shop).sending,
        "looking": row.due_at is not None and (row.looked_at is None or row.due_at <= row.looked_at),
    }


def _problem(code: str | None) -> str:
    if code is None:
        return ""
    if code.startswith("dns:"):
        return _("The name servers didn't answer; we ask again in a few minutes.")
    return ERRORS.get(code, _("The provider didn't answer; we ask again in a few minutes."))


def _money(found: braking.Stand) -> list[tuple[str, str, str, float]]:
    """(title, spent, cap, share of it) of the day and the month."""
    limits = found.chosen.texting
    return [
        (title, dollars(spent), dollars(cap * MICROS_PER_DOLLAR), min(1.0, spent / max(1, cap * MICROS_PER_DOLLAR)))
        for title, spent, cap in (
            (_("Today"), found.row.sms_micros, limits.daily_cap),
            (_("This month"), found.month, limits.monthly_cap),
        )
    ]
