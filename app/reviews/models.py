"""What buyers said about products, and what they were asked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, Tenant, same_shop
from app.security.sealed import SealedText


class Review(Tenant, Base):
    """A rating with words, by a buyer, of a product from one order."""

    __tablename__ = "review"
    __table_args__ = (
        Index("uq_review_product", "shop_id", "order_id", "product_external_id", unique=True),
        same_shop("customer_id", "customer"),
        same_shop("order_id", "orders"),
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
    )

    customer_id: Mapped[int]
    order_id: Mapped[int]
    product_external_id: Mapped[str]
    rating: Mapped[int]
    words: Mapped[str | None] = mapped_column(SealedText("review.words"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ReviewAsk(Tenant, Base):
    """A product that a buyer was asked to review, so that nobody is asked twice in a year."""

    __tablename__ = "review_ask"
    __table_args__ = (
        Index("uq_review_ask", "shop_id", "customer_id", "product_external_id", "order_id", unique=True),
        same_shop("customer_id", "customer"),
        same_shop("order_id", "orders"),
    )

    customer_id: Mapped[int]
    order_id: Mapped[int]
    product_external_id: Mapped[str]
    asked_at: Mapped[datetime]
