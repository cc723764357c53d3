"""The store answers the Admin API from its own data."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from tests.simulator.town import InTown, Town

BULK = """mutation ($query: String!) { bulkOperationRunQuery(query: $query, groupObjects: false) {
  bulkOperation { id status } userErrors { field message code } } }"""
ORDERS = "{ orders { edges { node { id name lineItems { edges { node { id quantity variant { id } } } } } } } }"


def test_a_page_of_orders_ends_where_the_next_begins(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        query = """query ($after: String) { orders(first: 20, after: $after, sortKey: UPDATED_AT) {
          pageInfo { hasNextPage endCursor } nodes { id updatedAt customer { id } } } }"""
        token, seen, after = await town.token(), [], None
        while True:
            page = (await town.ask(query, {"after": after}, token))["data"]["orders"]
            seen += page["nodes"]
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
        ids = [each["id"] for each in seen]
        assert len(ids) == len(set(ids)) == len(town.sim.world.store.orders)
        times = [each["updatedAt"] for each in seen]
        assert times == sorted(times)

    in_town(story)


def test_orders_are_found_by_checkout_token_and_by_time(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        bought = await town.play("buy")
        order = town.sim.world.store.orders[bought["order"]["id"]]
        found = await town.ask(
            "query ($q: String!) { orders(first: 5, query: $q) { nodes { name checkoutToken cartToken } } }",
            {"q": f"checkout_token:{order.checkout_token}"},
        )
        assert found["data"]["orders"]["nodes"] == [
            {"name": order.name, "checkoutToken": order.checkout_token, "cartToken": order.cart_token}
        ]
        late = await town.ask(
            "query ($q: String!) { orders(first: 5, query: $q) { nodes { name } } }",
            {"q": f"created_at:>='{order.created_at.isoformat()}'"},
        )
        assert [each["name"] for each in late["data"]["orders"]["nodes"]] == [order.name]

    in_town(story)


def test_an_unknown_field_is_refused_in_the_platforms_words(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        answer = await town.ask("{ shop { name shoeSize } }")
        assert answer["errors"][0]["message"] == "Field 'shoeSize' doesn't exist on type 'Shop'"
        assert answer["errors"][0]["extensions"]["code"] == "undefinedField"
        assert "data" not in answer

    in_town(story)


def test_throttling_is_an_ordinary_answer_with_an_error_in_it(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        town.sim.faults.merge({"shopify": {"throttled": 1.0}})
        answer = await town.ask("{ shop { name } }")
        assert answer["errors"][0]["extensions"]["code"] == "THROTTLED"
        status = answer["extensions"]["cost"]["throttleStatus"]
        assert status["restoreRate"] == 100
        town.sim.faults.merge({"shopify": {"throttled": 0.0}})
        town.sim.graphql._bucket.available = 0.5
        tired = await town.ask("{ orders(first: 100) { nodes { id customer { id } } } }")
        assert tired["errors"][0]["extensions"]["code"] == "THROTTLED"

    in_town(story)


def test_without_read_all_orders_only_sixty_days_are_seen(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        everything = await town.ask("{ ordersCount { count } }")
        town.sim.tokens.scopes = "read_orders"
        recent = await town.ask("{ ordersCount { count } }")
        assert 0 < recent["data"]["ordersCount"]["count"] < everything["data"]["ordersCount"]["count"]

    in_town(story)


def test_consent_written_by_the_app_comes_back_as_a_webhook(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        await town.token()
        who = (await town.play("abandon"))["customer"]
        mutation = """mutation ($input: CustomerSmsMarketingConsentUpdateInput!) {
          customerSmsMarketingConsentUpdate(input: $input) {
            customer { defaultPhoneNumber { smsMarketingConsent { state } } } userErrors { field message } } }"""
        answer = await town.ask(
            mutation,
            {
                "input": {
                    "customerId": f"gid://shopify/Customer/{who['id']}",
                    "smsMarketingConsent": {"marketingState": "UNSUBSCRIBED", "marketingOptInLevel": "SINGLE_OPT_IN"},
                }
            },
        )
        changed = answer["data"]["customerSmsMarketingConsentUpdate"]
        assert changed["userErrors"] == []
        assert changed["customer"]["defaultPhoneNumber"]["smsMarketingConsent"]["state"] == "UNSUBSCRIBED"
        await town.app.until(
            lambda app: any(
                each.headers["X-Shopify-Topic"] == "customers_marketing_consent/update"
                and orjson.loads(each.body)["sms_marketing_consent"]["state"] == "unsubscribed"
                for each in app.heard
            )
        )

    in_town(story)


async def _finished(town: Town, operation_id: str) -> Any:
    for _ in range(300):
        answer = await town.ask(
            "query ($id: ID!) { bulkOperation(id: $id) { status url objectCount rootObjectCount } }",
            {"id": operation_id},
        )
        if answer["data"]["bulkOperation"]["status"] not in {"CREATED", "RUNNING"}:
            return answer["data"]["bulkOperation"]
        await asyncio.sleep(0.05)
    message = "the export did not end"
    raise AssertionError(message)


def test_a_bulk_export_names_parents_and_is_announced(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        started = (await town.ask(BULK, {"query": ORDERS}))["data"]["bulkOperationRunQuery"]
        assert started["userErrors"] == []
        done = await _finished(town, started["bulkOperation"]["id"])
        assert done["status"] == "COMPLETED"
        async with town.client.get(done["url"]) as answer:
            lines = [orjson.loads(line) for line in (await answer.read()).splitlines()]
        orders = {line["id"]: line for line in lines if "__parentId" not in line}
        children = [line for line in lines if "__parentId" in line]
        store = town.sim.world.store
        assert len(orders) == len(store.orders) == int(done["rootObjectCount"])
        assert len(children) == sum(len(order.lines) for order in store.orders.values())
        assert {child["__parentId"] for child in children} == set(orders)
        assert int(done["objectCount"]) == len(lines)
        await town.app.until(
            lambda app: any(
                each.headers["X-Shopify-Topic"] == "bulk_operations/finish"
                and orjson.loads(each.body)["admin_graphql_api_id"] == started["bulkOperation"]["id"]
                for each in app.heard
            )
        )

    in_town(story)


def test_a_sixth_export_at_a_time_and_a_bad_query_are_user_errors(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        token = await town.token()
        errors = [
            (await town.ask(BULK, {"query": ORDERS}, token))["data"]["bulkOperationRunQuery"]["userErrors"]
            for _ in range(6)
        ]
        assert errors[:5] == [[]] * 5
        assert errors[5][0]["code"] == "LIMIT_REACHED"
        wrong = await town.ask(BULK, {"query": "{ orders { edges { node { id colour } } } }"}, token)
        assert "colour" in wrong["data"]["bulkOperationRunQuery"]["userErrors"][0]["message"]
        plain = await town.ask(BULK, {"query": "{ shop { name } }"}, token)
        assert plain["data"]["bulkOperationRunQuery"]["userErrors"][0]["code"] == "INVALID"

    in_town(story)
