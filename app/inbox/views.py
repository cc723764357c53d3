"""`POST /webhooks/<platform>`: verify, store, answer. Nothing is parsed here."""

from __future__ import annotations

from flask import Blueprint, Response, request
from prometheus_client import Counter

from app import registry
from app.inbox.accept import Intake, Taken
from app.platforms.base import Refused

bp = Blueprint("inbox", __name__)
intake = Intake()

FORGED = Counter("regulars_webhooks_refused_total", "Webhooks that were not taken in", ["reason"])
ANSWERS = {
    Taken.STORED: (200, ""),
    Taken.LATER: (503, "Too busy to store this right now. Please deliver it again."),
    Taken.NEVER: (422, "This delivery can't be stored."),
}


@bp.post("/webhooks/shopify")
def receive() -> Response:
    """Take a delivery in. 200 means that it is durable (or was here before)."""
    body = request.get_data(cache=False)
    envelope = registry.platform("shopify").receive(request.headers, body)
    if isinstance(envelope, Refused):
        FORGED.labels(envelope.reason).inc()
        return Response(envelope.reason, envelope.status, mimetype="text/plain")
    status, words = ANSWERS[intake.take("shopify", envelope, body)]
    return Response(words, status, mimetype="text/plain", headers={"Retry-After": "5"} if status == 503 else None)  # noqa: PLR2004 HTTP
