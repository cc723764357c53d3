"""The shop as shoppers see it: pictures, product pages, baskets and checkouts that can be picked up again.

A person looking at the demonstration may press "Pay"; it is an order like any other.
"""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from aiohttp import web

from simulator.ids import checkout_key, number_of
from simulator.shopify.payloads import decimal
from simulator.store.pictures import draw, draw_logo

if TYPE_CHECKING:
    from simulator.shopify.counter import Counter
    from simulator.store.models import Checkout, Variant

MAX_LINES = 20
MAX_QUANTITY = 99
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)
TEMPLATES.filters["dollars"] = lambda cents: f"${decimal(cents)}"


class Storefront:
    """Pages under /shopify/{shop}."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._store = counter.store
        self._by_handle = {product.handle: product for product in counter.store.products.values()}
        self._prefix = f"/shopify/{counter.store.identity.domain}"

    def routes(self) -> list[web.RouteDef]:
        """All pages."""
        prefix = self._prefix
        return [
            web.get(f"{prefix}/", self.home),
            web.get(prefix, self.home),
            web.get(f"{prefix}/cdn/shop/products/{{handle}}.png", self.picture),
            web.get(f"{prefix}/cdn/shop/files/logo.png", self.logo),
            web.get(f"{prefix}/products/{{handle}}", self.product),
            web.get(f"{prefix}/cart/{{lines}}", self.permalink),
            web.get(f"{prefix}/{{shop_id:\\d+}}/checkouts/ac/{{token}}/recover", self.recover),
            web.get(f"{prefix}/checkouts/{{token}}", self.checkout),
            web.post(f"{prefix}/checkouts/{{token}}/pay", self.pay),
            web.get(f"{prefix}/orders/{{token}}/authenticate", self.order),
            web.get(f"{prefix}/track/{{number}}", self.track),
        ]

    async def home(self, _: web.Request) -> web.Response:
        """Everything there is."""
        return self._page("home.html", products=list(self._store.products.values()))

    async def logo(self, _: web.Request) -> web.Response:
        """The shop's mark."""
        return _png(draw_logo())

    async def picture(self, request: web.Request) -> web.Response:
        """A product's picture."""
        product = self._by_handle.get(request.match_info["handle"])
        if product is None:
            return web.Response(status=404)
        return _png(draw(product.shape, product.palette))

    async def product(self, request: web.Request) -> web.Response:
        """One product."""
        product = self._by_handle.get(request.match_info["handle"])
        return self._page("product.html", product=product) if product else self._missing("This product")

    async def permalink(self, request: web.Request) -> web.Response:
        """A basket written in the address (`variant:quantity,variant:quantity`) becomes a checkout."""
        wanted = self._wanted(request.match_info["lines"])
        if not wanted:
            return self._missing("This basket")
        basket = self._counter.fill_cart(wanted)
        visit = self._counter.start_checkout(basket)
        raise web.HTTPFound(f"{self._prefix}/checkouts/{visit.token}")

    def _wanted(self, text: str) -> list[tuple[Variant, int]]:
        wanted: list[tuple[Variant, int]] = []
        for part in text.split(",")[:MAX_LINES]:
            number, _, quantity = part.partition(":")
            variant = self._store.variants.get(number_of(number) or 0)
            if variant and (not quantity or quantity.isdigit()):
                wanted.append((variant, min(MAX_QUANTITY, max(1, int(quantity or 1)))))
        return wanted

    async def recover(self, request: web.Request) -> web.Response:
        """The address in an abandoned checkout's data: signed, so that nobody guesses one."""
        visit = self._visit(request)
        if visit is None or not hmac.compare_digest(request.query.get("key", ""), checkout_key(visit.token)):
            return self._missing("This checkout")
        raise web.HTTPFound(f"{self._prefix}/checkouts/{visit.token}")

    async def checkout(self, request: web.Request) -> web.Response:
        """A checkout with its things in it."""
        visit = self._visit(request)
        if visit is None:
            return self._missing("This checkout")
        return self._page("checkout.html", visit=visit, done=self._store.order_by_checkout.get(visit.token))

    async def pay(self, request: web.Request) -> web.Response:
        """Buy what is in the checkout."""
        visit = self._visit(request)
        if visit is None:
            return self._missing("This checkout")
        order = self._counter.pay(visit)
        raise web.HTTPSeeOther(f"{self._prefix}/orders/{order.token}/authenticate")

    async def order(self, request: web.Request) -> web.Response:
        """An order's page."""
        token = request.match_info["token"]
        order = next((each for each in self._store.orders.values() if each.token == token), None)
        return self._page("order.html", order=order) if order else self._missing("This order")

    async def track(self, request: web.Request) -> web.Response:
        """Where a parcel is."""
        number = request.match_info["number"]
        parcel = next((each for each in self._store.fulfilments.values() if each.tracking_number == number), None)
        return self._page("track.html", parcel=parcel) if parcel else self._missing("This parcel")

    def _visit(self, request: web.Request) -> Checkout | None:
        return self._store.checkouts.get(request.match_info["token"])

    def _missing(self, what: str) -> web.Response:
        return self._page("missing.html", status=404, what=what)

    def _page(self, name: str, status: int = 200, **values: Any) -> web.Response:
        text = TEMPLATES.get_template(name).render(
            shop=self._store.identity, prefix=self._prefix, picture=self._counter.paper.picture_url, **values
        )
        return web.Response(text=text, status=status, content_type="text/html")


def _png(picture: bytes) -> web.Response:
    return web.Response(body=picture, content_type="image/png", headers={"Cache-Control": "public, max-age=86400"})
