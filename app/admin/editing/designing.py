"""An email of the draft as blocks to move about: the same text as its source, which it is turned back into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Response, g, request

from app.admin import advising
from app.admin.editing import pages, wording
from app.admin.guard import bp
from app.admin.showing import missing, page, part
from app.admin.words import _
from app.content.advice import known_names
from app.content.blocks import Blocks, from_blocks, to_blocks
from app.content.canvas import canvas
from app.content.faults import TemplateFault
from app.content.samples import A_PICTURE
from app.journeys import drafting, service as journeys
from app.shops import settings as shop_settings
from app.transaction import transaction

if TYPE_CHECKING:
    from app.shops.models import Shop

EMAIL: Final = "email"
FALLBACKS: Final = {"customer.first_name": "there"}
"""What stands in the place of a name that not everybody has, when it is picked from the list."""

VARIABLES: Final = (
    ("customer.first_name", _("First name")),
    ("customer.last_name", _("Last name")),
    ("shop.name", _("Your shop's name")),
    ("shop.url", _("Your shop's address")),
    ("checkout.items.first.title", _("First thing in the checkout")),
    ("checkout.total | money", _("Checkout's total")),
    ("cart.items.first.title", _("First thing in the cart")),
    ("order.name", _("Order's number")),
    ("order.total | money", _("Order's total")),
    ("product.title", _("The product")),
    ("discount.code", _("Discount code")),
)
ONLY_IF: Final = (
    '<mj-liquid code="{% if customer.first_name != blank %}"></mj-liquid>'
    "<mj-text>{}</mj-text>"
    '<mj-liquid code="{% endif %}"></mj-liquid>'
)
PRODUCTS: Final = (
    '<mj-liquid code="{% for product in products limit: 3 %}"></mj-liquid><mj-section padding="24px 48px 0"><mj-column>'
    '<mj-image src="{{ product.image_url | img_width: 1040 }}" alt="{{ product.title }}" href="{{ product.url }}">'
    '</mj-image><mj-text align="center">{{ product.title }}</mj-text><mj-text mj-class="quiet">'
    '{{ product.price | money }}</mj-text></mj-column></mj-section><mj-liquid code="{% endfor %}"></mj-liquid>'
)
INCLUDE: Final = '<mj-include path="{}"></mj-include>'
LINES: Final = (
    '<mj-liquid code="{% assign lines = {}.items %}"></mj-liquid>'
    '<mj-liquid code="{% assign lines_url = {}.{} %}"></mj-liquid><mj-include path="lines"></mj-include>'
)
WHERE: Final = {"checkout": ("checkout", "url"), "cart": ("cart", "url"), "order": ("order", "status_url")}
"""What a journey is about -> where its things and their page stand."""


@bp.get("/admin/journeys/<key>/edit/design/<step>", endpoint="journey_design")
def show(key: str, step: str) -> Response:
    """The page."""
    with transaction(g.shop_id) as session:
        journey = journeys.find(session, key)
        if journey is None:
            return pages.unknown()
        state = drafting.state(session, journey)
        source = wording.source_of(session, state, step, EMAIL)
        blocks = to_blocks(source) if source is not None else None
        if blocks is None:
            return missing(_("This message can be edited as source only"))
        return page(
            "designer.html",
            title=_("Email"),
            journey=journey,
            step=step,
            seen=state.seen,
            blocks=blocks,
            data=_data(g.shop, blocks, journey.event),
            action=f"/admin/journeys/{key}/edit/design/{step}",
        )


@bp.post("/admin/journeys/<key>/edit/design/<step>", endpoint="journey_redesign")
def keep(key: str, step: str) -> Response:
    """Keep what was made as the text of this step; what is wrong with it, or worth a look, comes back."""
    made = Blocks(*(request.form.get(name, "").strip() for name in ("subject", "preheader", "body")))
    with transaction(g.shop_id) as session:
        journey = journeys.locked(session, key)
        if journey is None:
            return pages.unknown()
        source = wording.source_of(session, drafting.state(session, journey), step, EMAIL)
        if source is None or "<mj-body" not in made.body:
            return missing(_("There is no such message"))
        source = from_blocks(source, made)[: wording.LONGEST]
        result = wording.keep(session, journey, step, EMAIL, source, request.form.get("seen", ""))
    fault = result if isinstance(result, TemplateFault) else None
    late = isinstance(result, drafting.Conflict)
    kept = isinstance(result, drafting.State)
    checked = advising.check(EMAIL, source, marketing=True) if kept else None
    response = part(
        "advice.html",
        fault=fault,
        late=late,
        journey=journey,
        advice=checked if isinstance(checked, list) else None,
        links=f"/admin/journeys/{key}/edit/text/{step}/{EMAIL}/links",
        seen=result.seen if isinstance(result, drafting.State) else None,
    )
    response.status_code = 200 if kept else 422
    response.headers["Kept"] = "yes" if kept else "no"
    return response


def _data(shop: Shop, blocks: Blocks, event: str) -> dict[str, Any]:
    chosen = shop_settings.of(shop)
    shown = canvas(
        blocks,
        chosen.brand.model_dump(exclude={"logo_url"}, exclude_defaults=True),
        {"name": shop.name or shop.domain, "email": shop.email or "", "logo_url": chosen.brand.logo_url,
         "address": chosen.postal_address or shop.address},
    )  # fmt: skip
    return {
        "head": shown.head,
        "brand": shown.brand,
        "parts": shown.parts,
        "kept": shown.kept,
        "canvas_css": CANVAS_CSS.replace("BACKGROUND", shown.brand["background"]).replace("PICTURE", A_PICTURE),
        "variables": [{"code": _output(name), "label": label} for name, label in VARIABLES if _is_there(name, event)],
        "blocks": _blocks(event),
        "words": WORDS,
    }


def _output(name: str) -> str:
    fallback = FALLBACKS.get(name)
    return f"{{{{ {name} | default: '{fallback}' }}}}" if fallback else f"{{{{ {name} }}}}"


def _is_there(name: str, event: str) -> bool:
    """Whether a journey's messages know a name: those of a checkout know nothing of an order."""
    owner = name.partition(".")[0]
    return owner not in (*WHERE, "product") or event.startswith(owner)


def _blocks(event: str) -> list[dict[str, str]]:
    about = event.partition("_")[0]
    yours = _("From your shop")
    found = [
        ("header", _("Logo"), INCLUDE.replace("{}", "header"), _("Your logo, from the settings")),
        ("footer", _("Footer"), INCLUDE.replace("{}", "footer"), _("Address and the way out")),
    ]
    if about in WHERE:
        owner, page_of = WHERE[about]
        found.append(("lines", _("What they left") if about != "order" else _("What they bought"),
                      LINES.replace("{}", owner, 2).replace("{}", page_of),
                      _("Pictures, names and prices")))  # fmt: skip
    if "products" in known_names():
        found.append(("products", _("More to like"), PRODUCTS, _("Three things they may like")))
    found.append(("only_if", _("Only for some"), ONLY_IF.replace("{}", _("Only some people see this")),
                  _("What stands between the two marks is seen only by those it fits")))  # fmt: skip
    return [{"id": id_, "label": label, "content": content, "about": said, "category": yours, "icon": ICONS[id_]}
            for id_, label, content, said in found]  # fmt: skip


ICONS: Final = {
    "header": "M4 5h16v2H4zM9 10h6v4H9zM4 17h16v2H4z",
    "footer": "M4 4h16v2H4zM4 9h16v2H4zM8 15h8v2H8zM10 19h4v1h-4z",
    "lines": "M4 4h6v6H4zM12 5h8v1h-8zM12 8h5v1h-5zM4 14h6v6H4zM12 15h8v1h-8zM12 18h5v1h-5z",
    "products": "M3 5h5v7H3zM10 5h5v7h-5zM17 5h4v7h-4zM3 14h5v1H3zM10 14h5v1h-5zM17 14h4v1h-4z",
    "only_if": "M11 3h2v5h5v5h3l-4 4-4-4h3v-3H8v3h3l-4 4-4-4h3V8h5z",
}
"""The paths of 24 by 24 pictures."""

CANVAS_CSS: Final = """
body { background: BACKGROUND; }
[data-gjs-ours=mj-liquid] { display: table; margin: 6px auto; padding: 2px 12px; border-radius: 11px;
  border-collapse: separate; cursor: pointer; background: #e0f0ff; color: #003a5a;
  font: 12px/18px -apple-system, Segoe UI, Roboto, sans-serif; }
[data-gjs-ours=mj-include], [data-gjs-ours=mj-kept] { display: block; max-width: 600px; margin: 0 auto; }
img[src*="{{"] { content: url("PICTURE"); }
[data-gjs-ours=mj-include] *, [data-gjs-ours=mj-kept] * { pointer-events: none; }
"""
WORDS: Final = {
    "code": _("Rule"),
    "condition": _("Rule"),
    "kept": _("Own code"),
    "kept_about": _("This part is edited in the source"),
    "part": _("Part"),
    "insert": _("Insert…"),
    "mail": _("The mail"),
    "liquid": {
        "if": _("Only if {rest}"),
        "elsif": _("Else, if {rest}"),
        "else": _("Otherwise"),
        "endif": _("End of “only if”"),
        "unless": _("Unless {rest}"),
        "endunless": _("End of “unless”"),
        "for": _("For each {rest}"),
        "endfor": _("End of “for each”"),
        "assign": _("Let {rest}"),
    },
}
"""What the script says; `{rest}` is what follows the word in Liquid."""
