"""A message as somebody would get it: with the newest real case there is, else with made-up data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import text

from app.content import localise
from app.content.faults import TemplateFault
from app.content.samples import samples, with_pictures
from app.content.sms import RenderedSms
from app.customers.queries import profiles
from app.messages import places
from app.messages.compose import compiled
from app.messages.context import Contexts
from app.orders.subjects import Ref, load as load_subjects
from app.shops import settings as shop_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from app.content.segments import Segments
    from app.customers.queries import Profile
    from app.orders.subjects import Subject
    from app.shops.models import Shop
    from config import Settings

REAL: Final = "real"
LATEST: Final = {
    "went_quiet": """
        SELECT 'person' AS kind, id::text AS key, id AS customer_id, first_seen_at AS since FROM customer
        WHERE shop_id = :shop AND email IS NOT NULL AND merged_into_id IS NULL
        ORDER BY first_seen_at DESC LIMIT 1""",
    "checkout_abandoned": """
        SELECT 'checkout' AS kind, id::text AS key, customer_id, version_at AS since FROM checkout
        WHERE shop_id = :shop AND customer_id IS NOT NULL AND deleted_at IS NULL AND lines <> '[]'
        ORDER BY version_at DESC LIMIT 1""",
    "cart_abandoned": """
        SELECT 'cart' AS kind, id::text AS key, customer_id, changed_at AS since FROM cart
        WHERE shop_id = :shop AND customer_id IS NOT NULL AND lines <> '[]' ORDER BY changed_at DESC LIMIT 1""",
    "order_placed": """
        SELECT 'order' AS kind, id::text AS key, customer_id, placed_at AS since FROM orders
        WHERE shop_id = :shop AND customer_id IS NOT NULL AND placed_at IS NOT NULL AND cancelled_at IS NULL
            AND NOT is_test AND lines <> '[]' ORDER BY placed_at DESC LIMIT 1""",
    "product_running_low": """
        SELECT 'variant' AS kind, p.customer_id || ':' || p.variant_external_id AS key, p.customer_id,
            p.bought_at AS since
        FROM purchase p JOIN variant v ON v.shop_id = p.shop_id AND v.external_id = p.variant_external_id
        JOIN reorder_gap g ON g.shop_id = p.shop_id AND g.scope = 'variant' AND g.key = v.external_id
        WHERE p.shop_id = :shop ORDER BY p.bought_at DESC LIMIT 1""",
}


@dataclass(frozen=True, slots=True)
class Case:
    """What a message is rendered from."""

    context: Mapping[str, Any]
    locale: str
    currency: str
    zone: str
    whose: str | None = None
    """The real person's name; None for made-up data."""
    customer_id: int | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """A rendered message, or where its template is wrong."""

    channel: str
    subject: str = ""
    preheader: str = ""
    html: str = ""
    text: str = ""
    segments: Segments | None = None
    fault: TemplateFault | None = None


def render(channel: str, source: str, case: Case) -> Preview:
    """Render a template for a case. Links lead where they would, untracked."""
    template = compiled(channel, source, localise.chosen(case.locale))
    if isinstance(template, TemplateFault):
        return Preview(channel, fault=template)
    made = template.render(case.context, case.locale, case.currency, case.zone)
    if isinstance(made, TemplateFault):
        return Preview(channel, fault=made)
    if isinstance(made, RenderedSms):
        return Preview(channel, text=made.text, segments=made.segments)
    return Preview(channel, made.subject, made.preheader, with_pictures(made.html), made.text)


def choices() -> list[str]:
    """The names of the made-up cases."""
    return list(samples())


def case(session: Session, shop: Shop, settings: Settings, event: str, source: tuple[str, str], wanted: str) -> Case:
    """The case to show: a made-up one by its name, else the newest real one, else the first made-up one.

    `source` is the template's channel and text: it tells what has to be looked up.
    """
    made_up = samples()
    if wanted in made_up:
        return _sample(shop, wanted)
    return _real(session, shop, settings, event, source) or _sample(shop, next(iter(made_up)))


def _sample(shop: Shop, name: str) -> Case:
    sample = samples()[name]
    chosen = shop_settings.of(shop)
    made_up = cast("Mapping[str, Mapping[str, Any]]", sample.context)
    brand = {**chosen.brand.model_dump(exclude={"logo_url"}, exclude_defaults=True), **made_up["brand"]}
    known = {
        "name": shop.name or shop.domain,
        "url": shop.home,
        "email": shop.email or "",
        "address": chosen.postal_address or shop.address,
        "logo_url": chosen.brand.logo_url,
    }
    there = {**made_up["shop"], **known}
    return Case({**sample.context, "shop": there, "brand": brand}, sample.locale, sample.currency, sample.zone)


def _real(session: Session, shop: Shop, settings: Settings, event: str, source: tuple[str, str]) -> Case | None:
    row = session.execute(text(LATEST[event]), {"shop": shop.id}).first()
    if row is None:
        return None
    ref = Ref(row.kind, row.key, row.customer_id, row.since)
    subject, person = load_subjects(session, [ref])[ref], profiles(session, shop.id, [row.customer_id])[row.customer_id]
    return of(session, shop, settings, ref, subject, person, source)


def of(
    session: Session,
    shop: Shop,
    settings: Settings,
    ref: Ref,
    subject: Subject,
    person: Profile,
    source: tuple[str, str],
) -> Case | None:
    """The case of one person and one thing; None when it is gone, or has nothing of what the template shows."""
    if subject.row is None:
        return None
    template = compiled(*source)
    contexts = Contexts(session, shop, shop_settings.of(shop), settings.public_url)
    contexts.prepare([subject])
    wants = () if isinstance(template, TemplateFault) else template.variables
    context = contexts.build(0, ref, subject, person, wants)
    if not subject.to_review and any(name.startswith("review") for name in wants):
        return None  # everything in the newest order was asked about already: a made-up one shows more
    context |= {
        "open_pixel_url": "",
        "trap_url": "",
        "unsubscribe_url": f"{settings.public_url}/u/preview",
        "preferences_url": f"{settings.public_url}/p/preview",
    }
    zone = places.zones_of(person.country, person.province, None, shop.timezone)[0]
    name = " ".join(part for part in (person.first_name, person.last_name) if part)
    return Case(
        context,
        person.locale or shop.locale,
        getattr(subject.row, "currency", None) or shop.currency,
        zone,
        name or person.addresses.get("email") or "",
        person.id,
    )
