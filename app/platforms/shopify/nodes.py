"""Facts from what the Admin API answers: the same facts as webhooks give, with the same values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from app.content.money import minor_digits
from app.platforms.events import (
    Channel,
    ConsentChanged,
    ConsentState,
    CustomerChanged,
    Fact,
    FulfilmentChanged,
    Line,
    OrderChanged,
    Person,
    ProductChanged,
    RefundMade,
    ShopChanged,
    Variant,
    Version,
)
from app.platforms.shopify.normalise import consent, fulfilments, orders, people
from app.platforms.shopify.normalise.delivery import FROM_API, digest_of, tie
from app.platforms.shopify.normalise.money import currency, minor, needed_currency, needed_minor
from app.platforms.shopify.normalise.reading import (
    Json,
    Unfit,
    child,
    children,
    count,
    country_code,
    identifier,
    image,
    instant,
    labels,
    link,
    needed_id,
    text,
    token,
    word,
)
from app.platforms.shopify.normalise.shop import postal_address, timezone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    Reader = Callable[[Json, Sequence[Json]], tuple[Fact, ...]]


def nested(node: Json, name: str) -> list[Json]:
    """The nodes of a connection that came inside its parent."""
    return children(child(node.get(name)), "nodes")


def _version(node: Json, rank: int = 0) -> Version:
    at = instant(node.get("updatedAt"))
    if at is None:
        raise Unfit("bad_field:updatedAt")
    return Version(at, tie(rank, FROM_API, None, digest_of(orjson.dumps(node))))


def _amount(node: Json, name: str) -> Any:
    return child(child(node.get(name)).get("shopMoney")).get("amount")


# --- customers ------------------------------------------------------------------------------------------------------


def customer(node: Json, _: Sequence[Json] = ()) -> tuple[Fact, ...]:
    """A customer and their consent on each channel, with the time they gave it."""
    home = child(node.get("defaultAddress"))
    country = country_code(home.get("countryCodeV2"))
    emailed, phoned = child(node.get("defaultEmailAddress")), child(node.get("defaultPhoneNumber"))
    person = Person(
        customer_id=needed_id(node, "id"),
        email=people.email(emailed.get("emailAddress")),
        phone=people.phone(phoned.get("phoneNumber"), country),
        first_name=text(node.get("firstName")),
        last_name=text(node.get("lastName")),
        locale=people.locale(node.get("locale")),
        country=country,
        province=word(home.get("provinceCode")),
        city=word(home.get("city")),
        postal_code=word(home.get("zip"), 32),
    )
    created_at = instant(node.get("createdAt"))
    found: list[Fact] = [CustomerChanged(person, _version(node), created_at, labels(node.get("tags")))]
    by_email = {
        "state": emailed.get("marketingState"),
        "optInLevel": emailed.get("marketingOptInLevel"),
        "updatedAt": emailed.get("marketingUpdatedAt"),
    }
    for channel, said in (
        (Channel.EMAIL, by_email),
        (Channel.SMS, child(phoned.get("smsMarketingConsent"))),
        (Channel.WHATSAPP, child(phoned.get("whatsAppMarketingConsent"))),
    ):
        word_of = _consent(person, channel, said, created_at)
        if word_of is not None:
            found.append(word_of)
    return tuple(found)


def _consent(person: Person, channel: Channel, said: Mapping[str, Any], created_at: datetime | None) -> Fact | None:
    """What a person said. Without a time it counts from their record's beginning, so that any later word wins."""
    state, at = consent.state_of(said.get("state")), instant(said.get("updatedAt"))
    if state is None or (at is None and state is ConsentState.NEVER_ASKED):
        return None
    effective_at = at or created_at
    if effective_at is None:
        return None
    return ConsentChanged(
        person=person,
        channel=channel,
        state=state,
        effective_at=effective_at,
        source=consent.source_of(said.get("collectedFrom")),
        double_opt_in=consent.is_double(said.get("optInLevel")),
    )


# --- products -------------------------------------------------------------------------------------------------------


def product(node: Json, variants: Sequence[Json]) -> tuple[Fact, ...]:
    """A product with all its variants; the API knows what is on sale and what is counted, which webhooks don't."""
    prices = child(child(node.get("priceRangeV2")).get("minVariantPrice"))
    decimals = minor_digits(currency(prices.get("currencyCode")))
    return (
        ProductChanged(
            product_id=needed_id(node, "id"),
            version=_version(node),
            title=text(node.get("title")),
            handle=text(node.get("handle")),
            product_type=text(node.get("productType")),
            vendor=text(node.get("vendor")),
            active=node.get("status", "ACTIVE") == "ACTIVE",
            is_gift_card=node.get("isGiftCard") is True,
            image_url=image(child(child(child(node.get("featuredMedia")).get("preview")).get("image")).get("url")),
            tags=labels(node.get("tags")),
            variants=tuple(_variant(each, decimals) for each in variants),
        ),
    )


def _variant(node: Json, decimals: int) -> Variant:
    item = child(node.get("inventoryItem"))
    return Variant(
        variant_id=needed_id(node, "id"),
        title=text(node.get("title")),
        sku=text(node.get("sku")),
        price=minor(node.get("price"), decimals, "variants.price") or 0,
        compare_at=minor(node.get("compareAtPrice"), decimals, "variants.compareAtPrice"),
        stock=None if item.get("tracked") is False else count(node.get("inventoryQuantity")),
        stock_item_id=identifier(item.get("id")),
        available=node.get("availableForSale") is not False,
    )


# --- orders ---------------------------------------------------------------------------------------------------------


def order(node: Json, lines: Sequence[Json]) -> tuple[Fact, ...]:
    """An order, its parcels and its refunds."""
    order_id = needed_id(node, "id")
    code = needed_currency(node.get("currencyCode"), "currencyCode")
    decimals = minor_digits(code)
    paid = orders.payment(node.get("displayFinancialStatus"))
    cancelled_at = instant(node.get("cancelledAt"))
    fulfilled = node.get("displayFulfillmentStatus") == "FULFILLED"
    version = _version(node, orders.rank(paid, cancelled_at, fulfilled=fulfilled))
    checkout_token = token(node, "checkoutToken")
    codes = node.get("discountCodes")
    changed = OrderChanged(
        order_id=order_id,
        version=version,
        name=text(node.get("name")),
        placed_at=instant(node.get("processedAt")) or instant(node.get("createdAt")) or version.at,
        currency=code,
        total=needed_minor(_amount(node, "currentTotalPriceSet"), decimals, "currentTotalPriceSet"),
        lines=tuple(_lines(lines, decimals)),
        person=_buyer(node),
        payment=paid,
        channel=orders.channel(node.get("sourceName"), checkout_token),
        is_test=node.get("test") is True,
        cancelled_at=cancelled_at,
        cart_token=token(node, "cartToken"),
        checkout_token=checkout_token,
        refunded=minor(_amount(node, "totalRefundedSet"), decimals, "totalRefundedSet"),
        fulfilled=fulfilled,
        status_url=link(node.get("statusPageUrl")),
        accepts_email=node.get("customerAcceptsMarketing") is True,
        locale=people.locale(node.get("customerLocale")),
        discount_codes=labels(codes) if isinstance(codes, list) else (),
    )
    parcels = (_fulfilment(each, order_id) for each in children(node, "fulfillments"))
    refunds = (_refund(each, order_id, code) for each in children(node, "refunds"))
    return (changed, *parcels, *refunds)


def _lines(lines: Sequence[Json], decimals: int) -> list[Line]:
    return [
        Line(
            title=text(each.get("title")),
            quantity=quantity,
            price=minor(_amount(each, "discountedUnitPriceAfterAllDiscountsSet"), decimals, "lineItems.price") or 0,
            line_id=identifier(each.get("id")) or "",
            product_id=identifier(child(each.get("product")).get("id")),
            variant_id=identifier(child(each.get("variant")).get("id")),
            variant_title=text(each.get("variantTitle")),
            sku=text(each.get("sku")),
            image_url=image(each.get("image")),
            is_gift_card=each.get("isGiftCard") is True,
            requires_shipping=each.get("requiresShipping") is not False,
        )
        for each in lines
        if (quantity := count(each.get("currentQuantity")) or 0) > 0
    ]


def _buyer(node: Json) -> Person:
    buyer, place = child(node.get("customer")), child(node.get("shippingAddress"))
    named = buyer if buyer.get("firstName") or buyer.get("lastName") else place
    country = country_code(place.get("countryCodeV2"))
    return Person(
        customer_id=identifier(buyer.get("id")),
        email=people.email(node.get("email"))
        or people.email(child(buyer.get("defaultEmailAddress")).get("emailAddress")),
        phone=people.phone(node.get("phone"), country)
        or people.phone(child(buyer.get("defaultPhoneNumber")).get("phoneNumber"), country),
        first_name=text(named.get("firstName")),
        last_name=text(named.get("lastName")),
        locale=people.locale(node.get("customerLocale")),
        country=country,
        province=word(place.get("provinceCode")),
        city=word(place.get("city")),
        postal_code=word(place.get("zip"), 32),
    )


def _fulfilment(node: Json, order_id: str) -> Fact:
    status, shown = text(node.get("status")).lower(), text(node.get("displayStatus")).lower()
    cancelled = status == "cancelled"
    delivered = not cancelled and (shown in fulfilments.DELIVERED or instant(node.get("deliveredAt")) is not None)
    shipped = status not in fulfilments.UNSENT
    version = _version(node, fulfilments.rank(cancelled=cancelled, delivered=delivered, shipped=shipped))
    return FulfilmentChanged(
        fulfilment_id=needed_id(node, "id"),
        order_id=order_id,
        version=version,
        shipped_at=(instant(node.get("createdAt")) or version.at) if shipped else None,
        delivered_at=(instant(node.get("deliveredAt")) or version.at) if delivered else None,
        cancelled=cancelled,
    )


def _refund(node: Json, order_id: str, code: str) -> Fact:
    money = child(child(node.get("totalRefundedSet")).get("shopMoney"))
    own = currency(money.get("currencyCode")) or code
    refunded_at = instant(node.get("processedAt")) or instant(node.get("createdAt"))
    if refunded_at is None:
        raise Unfit("bad_field:refunds.processedAt")
    found = (identifier(child(each.get("lineItem")).get("id")) for each in nested(node, "refundLineItems"))
    return RefundMade(
        refund_id=needed_id(node, "id"),
        order_id=order_id,
        refunded_at=refunded_at,
        amount=minor(money.get("amount"), minor_digits(own), "totalRefundedSet") or 0,
        currency=own,
        line_ids=tuple(dict.fromkeys(each for each in found if each)),
    )


# --- the shop -------------------------------------------------------------------------------------------------------


def shop(node: Json, at: datetime) -> ShopChanged:
    """The shop's record as it is at `at`; the API tells no time of its own."""
    place = child(node.get("shopAddress"))
    return ShopChanged(
        version=Version(at, tie(0, FROM_API, None, digest_of(orjson.dumps(node)))),
        name=word(node.get("name")),
        email=people.email(node.get("contactEmail")) or people.email(node.get("email")),
        currency=currency(node.get("currencyCode")),
        timezone=timezone(node.get("ianaTimezone")),
        country=country_code(place.get("countryCodeV2")),
        storefront_url=link(child(node.get("primaryDomain")).get("url")),
        address=postal_address(
            place.get("address1"),
            place.get("address2"),
            place.get("zip"),
            place.get("city"),
            place.get("province"),
            place.get("country"),
        ),
    )


READERS: Mapping[str, Reader] = {"customers": customer, "products": product, "orders": order}
"""By kind: a node and its children to facts. May raise `Unfit`."""

CHILDREN: Mapping[str, tuple[str, str]] = {
    "products": ("variants", "product_variants"),
    "orders": ("lineItems", "order_lines"),
}
"""By kind: the connection that holds a node's children, and the operation that brings more of them."""
