"""Bodies about people's choices, the shop itself, and the app's own life in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.clock import iso_millis
from simulator.ids import gid
from simulator.shopify.order_payloads import LOCATION_ID
from simulator.shopify.payloads import Json, Stationery, decimal

if TYPE_CHECKING:
    from datetime import datetime

    from simulator.store.models import Customer, Variant


def email_consent(who: Customer, paper: Stationery) -> Json:
    """customers_email_marketing_consent/update."""
    return {
        "customer_id": who.id,
        "email_address": who.email,
        "email_marketing_consent": {
            "state": who.email_consent.state,
            "opt_in_level": who.email_consent.opt_in_level,
            "consent_updated_at": paper.stamp(who.email_consent.updated_at),
        },
    }


def sms_consent(who: Customer, paper: Stationery) -> Json:
    """customers_marketing_consent/update: despite its name, the one for SMS."""
    return {
        "id": who.id,
        "phone": who.phone,
        "sms_marketing_consent": {
            "state": who.sms_consent.state,
            "opt_in_level": who.sms_consent.opt_in_level,
            "consent_updated_at": paper.stamp(who.sms_consent.updated_at),
            "consent_collected_from": who.sms_consent.collected_from.lower(),
        },
    }


def tags_changed(who: Customer, tags: list[str], at: datetime) -> Json:
    """customer.tags_added and customer.tags_removed."""
    return {"customerId": gid("Customer", who.id), "tags": tags, "occurredAt": iso_millis(at)}


def purchasing_summary(who: Customer, at: datetime) -> Json:
    """customers/purchasing_summary."""
    counted = [order for order in who.orders if not order.test]
    last = gid("Order", counted[-1].id) if counted else None
    spent = sum(order.total - order.refunded for order in counted if not order.cancelled_at)
    return {
        "customerId": gid("Customer", who.id),
        "numberOfOrders": len(counted),
        "amountSpent": {"amount": decimal(spent), "currencyCode": "USD"},
        "lastOrderId": last,
        "occurredAt": iso_millis(at),
    }


def customer_deleted(who: Customer) -> Json:
    """customers/delete: little more than an id."""
    return {"id": who.id, "tax_exemptions": [], "admin_graphql_api_id": gid("Customer", who.id)}


def customers_merged(kept: Customer, gone: Customer, job_id: str) -> Json:
    """customers/merge, completed."""
    return {
        "admin_graphql_api_customer_kept_id": gid("Customer", kept.id),
        "admin_graphql_api_customer_deleted_id": gid("Customer", gone.id),
        "admin_graphql_api_job_id": job_id,
        "status": "completed",
        "errors": [],
    }


def inventory_level(variant: Variant, paper: Stationery, at: datetime) -> Json:
    """inventory_levels/update."""
    item = variant.inventory_item_id
    return {
        "inventory_item_id": item,
        "location_id": LOCATION_ID,
        "available": variant.inventory_quantity,
        "updated_at": paper.stamp(at),
        "admin_graphql_api_id": f"gid://shopify/InventoryLevel/{LOCATION_ID}?inventory_item_id={item}",
    }


def shop(paper: Stationery, at: datetime) -> Json:
    """shop/update and app/uninstalled."""
    identity = paper.identity
    return {
        "id": identity.id,
        "name": identity.name,
        "email": identity.email,
        "domain": identity.domain,
        "province": identity.province,
        "country": identity.country_code,
        "address1": identity.address1,
        "zip": identity.zip,
        "city": identity.city,
        "source": None,
        "phone": identity.phone,
        "latitude": None,
        "longitude": None,
        "primary_locale": "en",
        "address2": None,
        "created_at": None,
        "updated_at": paper.stamp(at),
        "country_code": identity.country_code,
        "country_name": "United States",
        "currency": identity.currency,
        "customer_email": identity.email,
        "timezone": "(GMT-05:00) Eastern Time (US & Canada)",
        "iana_timezone": identity.time_zone,
        "shop_owner": "Robin Sage",
        "money_format": "${{amount}}",
        "money_with_currency_format": "${{amount}} USD",
        "weight_unit": "lb",
        "province_code": identity.province_code,
        "taxes_included": False,
        "auto_configure_tax_inclusivity": None,
        "tax_shipping": None,
        "county_taxes": True,
        "plan_display_name": "Grow",
        "plan_name": "professional",
        "has_discounts": False,
        "has_gift_cards": True,
        "myshopify_domain": identity.domain,
        "google_apps_domain": None,
        "google_apps_login_enabled": None,
        "money_in_emails_format": "${{amount}}",
        "money_with_currency_in_emails_format": "${{amount}} USD",
        "eligible_for_payments": True,
        "requires_extra_payments_agreement": False,
        "password_enabled": False,
        "has_storefront": True,
        "finances": True,
        "primary_location_id": LOCATION_ID,
        "checkout_api_supported": True,
        "multi_location_enabled": False,
        "setup_required": False,
        "pre_launch_enabled": False,
        "enabled_presentment_currencies": ["USD", "CAD", "GBP", "EUR"],
        "marketing_sms_consent_enabled_at_checkout": True,
        "transactional_sms_disabled": False,
    }


def scopes_update(paper: Stationery, previous: list[str], current: list[str], at: datetime) -> Json:
    """app/scopes_update."""
    return {
        "id": 1,
        "shop_id": gid("Shop", paper.identity.id),
        "previous": previous,
        "current": current,
        "updated_at": iso_millis(at),
    }


def bulk_finished(operation_id: str, created: datetime, completed: datetime, paper: Stationery) -> Json:
    """bulk_operations/finish: says that it is done, not where the result is."""
    return {
        "admin_graphql_api_id": operation_id,
        "completed_at": paper.stamp(completed),
        "created_at": paper.stamp(created),
        "error_code": None,
        "status": "completed",
        "type": "query",
    }


def privacy_request(who: Customer, paper: Stationery, *, redact: bool) -> Json:
    """customers/data_request or customers/redact."""
    orders = [order.id for order in who.orders]
    body: Json = {
        "shop_id": paper.identity.id,
        "shop_domain": paper.identity.domain,
        "customer": {"id": who.id, "email": who.email, "phone": who.phone},
    }
    if redact:
        return body | {"orders_to_redact": orders}
    return body | {"orders_requested": orders, "data_request": {"id": who.id % 1_000_000}}


def shop_redact(paper: Stationery) -> Json:
    """shop/redact, 48 hours after an uninstall."""
    return {"shop_id": paper.identity.id, "shop_domain": paper.identity.domain}
