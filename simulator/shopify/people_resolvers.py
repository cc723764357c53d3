"""How a customer looks through the Admin API: addresses, numbers, consent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.shopify.fields import (
    NO,
    YES,
    attribute,
    constant,
    gid_of_kind,
    iso_or_none,
    legacy_id,
    opt_in_level,
    times,
)
from simulator.shopify.payloads import decimal

if TYPE_CHECKING:
    from simulator.shopify.executor import Resolver
    from simulator.shopify.payloads import Stationery


def customer_fields(paper: Stationery) -> dict[str, Resolver]:
    """Fields of a customer that are not lists of other things."""
    return {
        "id": gid_of_kind("Customer"),
        "legacyResourceId": legacy_id,
        **times("created_at", "updated_at"),
        "displayName": lambda who, _a, _c: f"{who.first_name} {who.last_name}",
        "verifiedEmail": YES,
        "taxExempt": NO,
        "dataSaleOptOut": NO,
        "canDelete": lambda who, _a, _c: not who.orders,
        "lifetimeDuration": constant("about 1 year"),
        "numberOfOrders": lambda who, _a, _c: str(len(who.orders)),
        "amountSpent": lambda who, _a, _c: {
            "amount": decimal(sum(o.total - o.refunded for o in who.orders if not o.cancelled_at and not o.test)),
            "currencyCode": paper.identity.currency,
        },
        "lastOrder": lambda who, _a, _c: who.orders[-1] if who.orders else None,
        "defaultEmailAddress": lambda who, _a, _c: who if who.email else None,
        "defaultPhoneNumber": lambda who, _a, _c: who if who.phone else None,
        "emailMarketingConsent": lambda who, _a, _c: who.email_consent if who.email else None,
        "smsMarketingConsent": lambda who, _a, _c: who.sms_consent if who.phone else None,
        "defaultAddress": attribute("address"),
        "addresses": lambda who, _a, _c: [who.address] if who.address else [],
    }


def email_address_fields(paper: Stationery) -> dict[str, Resolver]:
    """Fields of the default mail address, asked of its owner."""
    return {
        "emailAddress": attribute("email"),
        "validFormat": YES,
        "openTrackingLevel": constant("UNKNOWN"),
        "marketingState": lambda who, _a, _c: who.email_consent.state.upper(),
        "marketingOptInLevel": lambda who, _a, c: opt_in_level(who.email_consent, None, c),
        "marketingUpdatedAt": lambda who, _a, _c: iso_or_none(who.email_consent.updated_at),
        "marketingUnsubscribeUrl": lambda who, _a, _c: f"{paper.shop_url}/account/unsubscribe/{who.id}",
        "sourceLocation": constant(None),
    }


def phone_number_fields() -> dict[str, Resolver]:
    """Fields of the default phone number, asked of its owner."""
    return {
        "phoneNumber": attribute("phone"),
        "smsMarketingConsent": attribute("sms_consent"),
        "whatsAppMarketingConsent": constant(None),
        "marketingState": lambda who, _a, _c: who.sms_consent.state.upper(),
        "marketingOptInLevel": lambda who, _a, c: opt_in_level(who.sms_consent, None, c),
        "marketingUpdatedAt": lambda who, _a, _c: iso_or_none(who.sms_consent.updated_at),
        "marketingCollectedFrom": lambda who, _a, _c: who.sms_consent.collected_from,
    }


def mailing_address_fields() -> dict[str, Resolver]:
    """Fields of a home."""
    return {
        "id": gid_of_kind("MailingAddress"),
        "countryCodeV2": attribute("country_code"),
        "name": lambda home, _a, _c: f"{home.first_name} {home.last_name}",
        "province": lambda home, _a, _c: home.province or None,
        "provinceCode": lambda home, _a, _c: home.province_code or None,
        "formatted": lambda home, _a, _c: [home.address1, f"{home.city} {home.province_code} {home.zip}", home.country],
        **dict.fromkeys(("address2", "company", "latitude", "longitude"), constant(None)),
    }
