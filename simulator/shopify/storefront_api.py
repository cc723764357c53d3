"""POST /api/{version}/graphql.json: what any shopper's browser may ask of the shop, without a token."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web
from graphql import GraphQLSchema, build_schema, graphql_sync

from simulator.ids import gid

if TYPE_CHECKING:
    from simulator.providers.faults import Faults
    from simulator.store.state import ShopIdentity

SCHEMA: GraphQLSchema = build_schema((Path(__file__).parent / "storefront.graphql").read_text("utf-8"))
COLORS = {
    "primary": [{"background": "#52694D", "foreground": "#FBF9F5"}],
    "secondary": [{"background": "#E7E1D8", "foreground": "#2C2A25"}],
}
"""Those of the shop's own pages."""


class StorefrontApi:
    """The endpoint. Its shop has a square logo only, as many have."""

    def __init__(self, identity: ShopIdentity, shop_url: str, faults: Faults) -> None:
        self._faults = faults
        logo = {"id": gid("MediaImage", 1), "image": {"url": f"{shop_url}/cdn/shop/files/logo.png"}}
        brand: dict[str, Any] = {"logo": None, "squareLogo": logo, "colors": COLORS, "slogan": "Slow mornings"}
        self._root = {"shop": {"id": gid("Shop", identity.id), "name": identity.name, "brand": brand}}

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one operation."""
        if self._faults["shopify"]["down"]:
            return web.Response(status=502)
        try:
            asked = orjson.loads(await request.read())
            text = asked["query"]
        except (ValueError, KeyError, TypeError):
            return web.json_response({"errors": {"query": "Required parameter missing or invalid"}}, status=400)
        found = graphql_sync(SCHEMA, text, self._root, variable_values=asked.get("variables") or {})
        return web.json_response(found.formatted)
