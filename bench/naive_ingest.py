"""What webhooks are measured against: an endpoint that does nothing, and the one that one would write first."""

from __future__ import annotations

import base64
import hmac
import json
import os

from flask import Flask, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

noop = Flask("noop")


@noop.post("/webhooks/shopify")
def nothing() -> str:
    """Answer at once."""
    return ""


class Base(DeclarativeBase):
    """Tables of the naive endpoint."""


orm = Flask("orm")
orm.config["SQLALCHEMY_DATABASE_URI"] = os.environ.get("DATABASE_URL", "").replace("postgresql:", "postgresql+psycopg:")
db = SQLAlchemy(model_class=Base)
if orm.config["SQLALCHEMY_DATABASE_URI"]:
    db.init_app(orm)


class Received(Base):
    """A webhook, as text."""

    __tablename__ = "bench_received"

    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[str] = mapped_column(unique=True)
    topic: Mapped[str]
    payload: Mapped[str]


if orm.config["SQLALCHEMY_DATABASE_URI"]:
    with orm.app_context():
        Base.metadata.create_all(db.engine)


@orm.post("/webhooks/shopify")
def receive() -> tuple[str, int]:
    """Verify, parse, add, commit."""
    mac = hmac.digest(os.environ["SHOPIFY_API_SECRET"].encode(), request.get_data(), "sha256")
    if not hmac.compare_digest(base64.b64encode(mac).decode(), request.headers.get("X-Shopify-Hmac-Sha256", "")):
        return "", 401
    db.session.add(
        Received(
            webhook_id=request.headers["X-Shopify-Webhook-Id"],
            topic=request.headers["X-Shopify-Topic"],
            payload=json.dumps(request.get_json()),
        )
    )
    db.session.commit()
    return "", 200
