"""What the shop's own pages tell us, through the store's signed proxy: whose cart it is."""

from __future__ import annotations

from flask import Blueprint, Response, request
from sqlalchemy import text

from app import registry
from app.journeys import service as journeys
from app.orders.service import Touched
from app.shops import service as shops
from app.transaction import record_alone, transaction

bp = Blueprint("proxy", __name__, url_prefix="/storefront/proxy")


@bp.get("/identify")
def identify() -> Response:
    """A signed-in customer's browser names its cart. The store signs who is signed in; the browser can't."""
    signed = registry.platform("shopify").storefront_call(request.query_string.decode("ascii", "replace"))
    if signed is None:
        return Response("bad signature", 403, mimetype="text/plain")
    shop_id = shops.find(signed.shop)
    cart_token = request.args.get("cart_token", "")[:255]
    if shop_id is None or not signed.customer_id or not cart_token:
        return Response(status=204)
    with transaction(shop_id) as session:
        record_alone(session)
        cart_id = session.scalar(
            text(
                "UPDATE cart SET customer_id = c.id FROM customer c WHERE cart.shop_id = :shop "
                "AND cart.token = :token AND cart.customer_id IS NULL AND c.shop_id = cart.shop_id "
                "AND c.external_id = :customer AND c.merged_into_id IS NULL RETURNING cart.id"
            ),
            {"shop": shop_id, "token": cart_token, "customer": signed.customer_id},
        )
        if cart_id is not None:
            journeys.react(session, Touched(carts={cart_id}))
    return Response(status=204)
