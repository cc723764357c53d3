"""How long one webhook takes to become facts: `python -m bench.normalise [seconds]`.

The budget is 120 microseconds for a 6 kB order, parsing included, on one core.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import Any

import orjson

from app.platforms.shopify.normalise import normalise

ADDRESS = {
    "first_name": "Ada",
    "last_name": "Moreau",
    "address1": "12 Quai Voltaire",
    "phone": "+33144550000",
    "city": "Paris",
    "zip": "75007",
    "province": "Île-de-France",
    "country": "France",
    "country_code": "FR",
    "province_code": "IDF",
    "latitude": 48.85,
    "longitude": 2.33,
    "name": "Ada Moreau",
    "company": None,
}


def _set(amount: str) -> dict[str, Any]:
    return {name: {"amount": amount, "currency_code": "EUR"} for name in ("shop_money", "presentment_money")}


def order(lines: int = 3) -> bytes:
    """An order of the size and shape stores send: three lines, price sets, tax lines, two addresses."""
    items = [
        {
            "id": 13_000_000_000_001 + n,
            "admin_graphql_api_id": f"gid://shopify/LineItem/{13_000_000_000_001 + n}",
            "current_quantity": 2,
            "fulfillable_quantity": 2,
            "fulfillment_service": "manual",
            "gift_card": False,
            "grams": 250,
            "name": f"Coffee {n} - 250 g",
            "price": "14.90",
            "price_set": _set("14.90"),
            "product_id": 7_000_000_000_001 + n,
            "properties": [],
            "quantity": 2,
            "requires_shipping": True,
            "sku": f"COF-{n}",
            "taxable": True,
            "title": f"Coffee {n}",
            "total_discount": "0.00",
            "total_discount_set": _set("0.00"),
            "variant_id": 41_000_000_000_001 + n,
            "variant_title": "250 g",
            "vendor": "Roastery",
            "tax_lines": [{"price": "1.49", "rate": 0.055, "title": "TVA"}],
            "discount_allocations": [{"amount": "2.98", "amount_set": _set("2.98"), "discount_application_index": 0}],
        }
        for n in range(lines)
    ]
    return orjson.dumps(
        {
            "id": 5_800_000_000_001,
            "admin_graphql_api_id": "gid://shopify/Order/5800000000001",
            "name": "#1042",
            "email": "Ada.Moreau@example.com",
            "contact_email": "ada.moreau@example.com",
            "phone": None,
            "test": False,
            "created_at": "2026-11-20T10:15:30+01:00",
            "processed_at": "2026-11-20T10:15:29+01:00",
            "updated_at": "2026-11-20T10:15:31+01:00",
            "cancelled_at": None,
            "currency": "EUR",
            "source_name": "web",
            "presentment_currency": "EUR",
            "total_price": "80.46",
            "current_total_price": "80.46",
            "current_total_price_set": _set("80.46"),
            "total_price_set": _set("80.46"),
            "financial_status": "paid",
            "fulfillment_status": None,
            "cart_token": "Z2NwLWV1LXdlc3QxOjAxSjk",
            "checkout_token": "c0ffee" * 5,
            "buyer_accepts_marketing": True,
            "customer_locale": "fr-FR",
            "order_status_url": "https://a.example/o/1",
            "discount_codes": [{"code": "WELCOME10", "amount": "8.94", "type": "percentage"}],
            "refunds": [],
            "fulfillments": [],
            "line_items": items,
            "shipping_address": ADDRESS,
            "billing_address": ADDRESS,
            "customer": {
                "id": 6_100_000_000_001,
                "first_name": "Ada",
                "last_name": "Moreau",
                "state": "enabled",
                "email": "ada.moreau@example.com",
                "phone": "+33612345678",
                "default_address": ADDRESS,
            },
        }
    )


def measure(topic: str, body: bytes, seconds: float) -> float:
    """Microseconds per call, the best of five rounds."""
    now = datetime.now(UTC)
    rounds = []
    for _ in range(5):
        done, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds / 5:
            for _ in range(100):
                normalise(topic, body, now, now)
            done += 100
        rounds.append((time.perf_counter() - begun) / done * 1e6)
    return min(rounds)


def main() -> None:
    """Print the figures."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    for lines in (1, 3, 10, 100):
        body = order(lines)
        print(f"order of {lines:3} lines, {len(body):6} bytes: {measure('orders/create', body, seconds):7.1f} us")


if __name__ == "__main__":
    main()
