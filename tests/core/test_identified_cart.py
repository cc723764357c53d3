"""The shop's own page tells whose cart it is: the abandoned-cart journey begins there and then."""

from __future__ import annotations

import hmac
import time as wall
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.conftest import API_SECRET
from tests.core.conftest import checkout

if TYPE_CHECKING:
    from flask import Flask

    from tests.core.conftest import World


def signed(**parameters: str) -> str:
    message = "".join(f"{name}={value}" for name, value in sorted(parameters.items()))
    mac = hmac.digest(API_SECRET.encode(), message.encode(), "sha256").hex()
    return urlencode({**parameters, "signature": mac})


def test_a_cart_named_by_the_storefront_enters_at_once_and_a_forged_name_does_nothing(world: World, app: Flask) -> None:
    world.turn_on("abandoned_cart")
    world.deliver("customers/create", checkout(world)["customer"])
    line = {"id": 1, "variant_id": 91, "product_id": 81, "title": "House blend", "quantity": 1, "price": "20.00"}
    now = world.time.at.isoformat()
    world.deliver(
        "carts/update", {"id": "c1", "token": "c1", "line_items": [line], "created_at": now, "updated_at": now}
    )
    world.apply()
    query = signed(
        shop="acme.myshopify.com", logged_in_customer_id="501", cart_token="c1", timestamp=str(int(wall.time()))
    )
    forged = query.replace("501", "502")
    assert app.test_client().get(f"/storefront/proxy/identify?{forged}").status_code == 403
    assert world.rows("SELECT 1 FROM enrolment") == []
    assert app.test_client().get(f"/storefront/proxy/identify?{query}").status_code == 204
    assert len(world.rows("SELECT 1 FROM enrolment WHERE subject_kind = 'cart'")) == 1
