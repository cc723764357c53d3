"""What shoppers and providers reach: links in messages, preferences, reviews, receipts, and the app's own health."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def register(app: Flask) -> None:
    """Add these pages to the application."""
    from app.storefront import (
        confirm_views,
        health_views,
        link_views,
        preference_views,
        proxy_views,
        receipt_views,
        review_views,
        subscription_views,
    )

    for module in (
        confirm_views,
        health_views,
        link_views,
        preference_views,
        proxy_views,
        receipt_views,
        review_views,
        subscription_views,
    ):
        app.register_blueprint(module.bp)
