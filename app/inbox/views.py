"""`POST /webhooks/<platform>`: verify, store, answer. Nothing is parsed here."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request
from prometheus_client import Counter

from app import registry
from app.inbox.accept import Intake, Taken
from app.platforms.base import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

bp = Blueprint("inbox", __name__)
intake = Intake()

PATH = "/webhooks/shopify"
FORGED = Counter("regulars_webhooks_refused_total", "Webhooks that were not taken in", ["reason"])
ANSWERS = {
    Taken.STORED: (200, ""),
    Taken.LATER: (503, "Too busy to store this right now. Please deliver it again."),
    Taken.NEVER: (422, "This delivery can't be stored."),
}


@dataclass(frozen=True, slots=True)
class Answered:
    """A webhook that is answered without being stored."""

    status: int
    words: str


def offer(headers: Mapping[str, str], body: bytes) -> Future[Taken] | Answered:
    """Verify a webhook and queue it for the next commit. For every kind of server."""
    envelope = registry.platform("shopify").receive(headers, body)
    if isinstance(envelope, Refused):
        FORGED.labels(envelope.reason).inc()
        return Answered(envelope.status, envelope.reason)
    return intake.offer("shopify", envelope, body)


@bp.post(PATH)
def receive() -> Response:
    """Take a delivery in. 200 means that it is durable (or was here before)."""
    taken = offer(dict(request.headers), request.get_data(cache=False))
    status, words = (taken.status, taken.words) if isinstance(taken, Answered) else ANSWERS[intake.wait(taken)]
    headers = {"Retry-After": "5"} if status == 503 else None  # noqa: PLR2004 HTTP
    return Response(words, status, mimetype="text/plain", headers=headers)
