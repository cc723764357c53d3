"""What the app asks of Shopify is what the code is ready for."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from app.platforms.shopify.graphql import API_VERSION
from app.platforms.shopify.normalise import COMPLIANCE_TOPICS, READERS


@pytest.fixture(scope="module")
def toml() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parents[2] / "shopify.app.toml").read_text(encoding="utf-8"))


def test_it_subscribes_to_exactly_the_topics_that_become_facts(toml: dict[str, Any]) -> None:
    subscriptions = toml["webhooks"]["subscriptions"]
    topics = [topic for each in subscriptions for topic in each.get("topics", ())]
    compliance = [topic for each in subscriptions for topic in each.get("compliance_topics", ())]
    assert len(topics) == len(set(topics))
    assert set(compliance) == COMPLIANCE_TOPICS
    assert set(topics) | set(compliance) == set(READERS)
    assert {each["uri"] for each in subscriptions} == {"/webhooks/shopify"}


def test_webhooks_and_calls_speak_the_same_version(toml: dict[str, Any]) -> None:
    assert toml["webhooks"]["api_version"] == API_VERSION


def test_scopes_cover_the_topics_and_nothing_is_asked_twice(toml: dict[str, Any]) -> None:
    scopes = toml["access_scopes"]["scopes"].split(",")
    assert len(scopes) == len(set(scopes))
    needed = {
        "read_customers",
        "read_orders",
        "read_products",
        "read_fulfillments",
        "read_inventory",
        "read_customer_merge",
    }
    assert needed <= set(scopes)
    assert not set(scopes) & set(toml["access_scopes"]["optional_scopes"])


def test_addresses_are_the_apps_own(toml: dict[str, Any]) -> None:
    assert [url.partition(".com")[2] for url in toml["auth"]["redirect_urls"]] == ["/auth/shopify/callback"]
    assert toml["app_proxy"]["url"].endswith("/storefront/proxy")
    assert toml["embedded"] is True
