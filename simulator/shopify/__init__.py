"""Shopify's side of the conversation: install, tokens, GraphQL, bulk exports, webhooks, a storefront."""
