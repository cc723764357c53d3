"""`POST /webhooks/<platform>`: verify, store, answer. Nothing is parsed here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request
from prometheus_client import Counter

from app import registry
from app.inbox.accept import Row, Taken, ThreadedIntake, row_of
from app.platforms.base import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

bp = Blueprint("inbox", __name__)
intake = ThreadedIntake()

PATH = "/webhooks/shopify"
FORGED = Counter("regulars_webhooks_refused_total", "Webhooks that were not taken in", ["reason"])


@dataclass(frozen=True, slots=True)
class Answer:
    """What the store gets to hear."""

    status: int
    words: str = ""


ANSWERS = {
    Taken.STORED: Answer(200),
    Taken.LATER: Answer(503, "Too busy to store this right now. Please deliver it again."),
    Taken.NEVER: Answer(422, "This delivery can't be stored."),
}


def verified(headers: Mapping[str, str], body: bytes) -> Row | Answer:
    """A genuine delivery as the row to store, or the answer to anything else. For every kind of server."""
    envelope = registry.platform("shopify").receive(headers, body)
    if isinstance(envelope, Refused):
        FORGED.labels(envelope.reason).inc()
        return Answer(envelope.status, envelope.reason)
    return row_of("shopify", envelope, body)


@bp.post(PATH)
def receive() -> Response:
    """Take a delivery in. 200 means that it is durable (or was here before)."""
    found = verified(dict(request.headers), request.get_data(cache=False))
    answer = found if isinstance(found, Answer) else ANSWERS[intake.take(found)]
    headers = {"Retry-After": "5"} if answer.status == 503 else None  # noqa: PLR2004 - HTTP
    return Response(answer.words, answer.status, mimetype="text/plain", headers=headers)
