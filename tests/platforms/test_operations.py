"""Every operation is one that the real APIs of the pinned version understand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLSchema, build_client_schema, parse, validate

from app.platforms.shopify.graphql import API_VERSION
from app.platforms.shopify.operations import all_names, bulk_query, operation

ROOT = Path(__file__).parents[2]
CARRIED = ROOT / "node_modules/@shopify/dev-mcp/dist/data"
SCHEMA = CARRIED / f"admin_{API_VERSION}.json.gz"


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    if not SCHEMA.exists():
        pytest.skip("node_modules has no @shopify/dev-mcp, which carries the Admin schema")
    found: dict[str, Any] = json.loads(gzip.decompress(SCHEMA.read_bytes()))
    return found


@pytest.fixture(scope="module")
def schema(content: dict[str, Any]) -> GraphQLSchema:
    # Shopify's own schema breaks a rule about deprecated interface fields, hence no check of the schema itself.
    return build_client_schema(content["data"], assume_valid=True)


@pytest.mark.parametrize("name", all_names())
def test_an_operation_is_valid(name: str, schema: GraphQLSchema) -> None:
    assert [error.message for error in validate(schema, parse(operation(name)))] == []


@pytest.mark.parametrize("name", all_names())
def test_an_operation_uses_nothing_that_is_going_away(name: str, schema: GraphQLSchema) -> None:
    from graphql.validation import NoDeprecatedCustomRule

    problems = validate(schema, parse(operation(name)), [NoDeprecatedCustomRule])
    assert [error.message for error in problems] == []


@pytest.mark.parametrize("kind", ["customers", "products", "orders"])
def test_a_bulk_query_keeps_its_filter_in_quotes(kind: str, schema: GraphQLSchema) -> None:
    text = bulk_query(kind, "created_at:>='2026-01-01' \"} } evil { \\")
    assert validate(schema, parse(text)) == []
    assert text.count("evil") == 1


@pytest.mark.parametrize("name", all_names("storefront"))
def test_an_operation_without_a_token_is_one_of_the_storefronts(name: str, content: dict[str, Any]) -> None:
    del content  # it skips when there are no schemas
    from graphql.validation import NoDeprecatedCustomRule, specified_rules

    carried = json.loads(gzip.decompress((CARRIED / f"storefront-graphql_{API_VERSION}.json.gz").read_bytes()))
    storefront = build_client_schema(carried["data"], assume_valid=True)
    problems = validate(storefront, parse(operation(name)), [*specified_rules, NoDeprecatedCustomRule])
    assert [error.message for error in problems] == []


def test_a_mistake_would_be_found(schema: GraphQLSchema) -> None:
    assert validate(schema, parse("{ shop { nameOfTheDog } }"))
