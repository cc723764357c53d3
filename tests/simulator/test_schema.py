"""What the simulated API knows is a part of the real one, so that nothing works here and fails at a real store."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from simulator.shopify import executor, storefront_api

if TYPE_CHECKING:
    from graphql import GraphQLSchema

CARRIED = Path(__file__).parents[2] / "node_modules" / "@shopify" / "dev-mcp" / "dist" / "data"
OWN_NAMES = {"Query": "QueryRoot"}


def real_types(api: str) -> dict[str, Any]:
    path = CARRIED / f"{api}_2026-10.json.gz"
    if not path.exists():
        pytest.skip("the real schema comes with the npm packages, which are not installed")
    schema = json.loads(gzip.decompress(path.read_bytes()))
    schema = schema.get("data", schema)["__schema"]
    return {each["name"]: each for each in schema["types"]}


@pytest.mark.parametrize(
    ("api", "schema"),
    [("admin", executor.SCHEMA), ("storefront-graphql", storefront_api.SCHEMA)],
    ids=["admin", "storefront"],
)
def test_every_field_and_argument_exists_in_the_real_schema(api: str, schema: GraphQLSchema) -> None:
    real, strange = real_types(api), []
    for name, kind in schema.type_map.items():
        theirs = real.get(OWN_NAMES.get(name, name))
        fields = getattr(kind, "fields", None)
        if name.startswith("__") or not fields or name.endswith("Payload") or name == "UserError":
            continue
        if theirs is None:
            strange.append(name)
            continue
        known = {each["name"]: each for each in theirs.get("fields") or theirs.get("inputFields") or []}
        for field_name, field in fields.items():
            if field_name not in known:
                strange.append(f"{name}.{field_name}")
                continue
            arguments = {each["name"] for each in known[field_name].get("args") or []}
            strange += [f"{name}.{field_name}({each})" for each in getattr(field, "args", {}) if each not in arguments]
    assert strange == []
