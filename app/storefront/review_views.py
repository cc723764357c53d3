"""Reviews: a star in a mail opens the form with that rating chosen; only the form's button saves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request
from sqlalchemy import text
from werkzeug.exceptions import NotFound

from app import clock
from app.hooks import recording
from app.hooks.recording import Happened
from app.messages import engagement
from app.messages.models import MessageContent
from app.reviews.models import Review
from app.security import tokens
from app.storefront.link_views import visit
from app.storefront.subscription_views import drawn
from app.transaction import transaction
from app.upsert import upsert

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

bp = Blueprint("reviews", __name__, template_folder="templates")

LONGEST_WORDS = 5_000
MOST_STARS = 5


@bp.route("/review/<token>", methods=["GET", "POST"])
def review(token: str) -> Response:
    """The form, and what it saves. Sending it again changes the review."""
    named = tokens.read("review", token, 4)
    if named is None:
        raise NotFound
    shop_id, message_id, number, stars = named
    with transaction(shop_id) as session:
        item = _item(session, message_id, number)
        message = session.execute(
            text("SELECT customer_id, subject_key FROM message WHERE shop_id = :shop AND id = :id"),
            {"shop": shop_id, "id": message_id},
        ).first()
        if item is None or message is None:
            raise NotFound
        # No stars chosen in the message: none are chosen in the form.
        rating, words, problem = (stars if 1 <= stars <= MOST_STARS else None), "", None
        if request.method == "POST":
            rating, words = _rating(request.form.get("rating"), rating), request.form.get("words", "").strip()
            if rating is None:
                problem = "Please choose from one to five stars."
            elif len(words) > LONGEST_WORDS:
                problem = "That is a little long: please keep it under {n} characters."
            else:
                _save(session, message, item, rating, words)
        else:
            engagement.seen(session, message_id, "click", None, visit())
        return drawn(
            session,
            "storefront/review.html",
            message.customer_id,
            status=422 if problem else 200,
            item=item,
            rating=rating,
            words=words,
            problem=problem,
            longest=f"{LONGEST_WORDS:,}",
            saved=request.method == "POST" and problem is None,
        )


def _item(session: Session, message_id: int, number: int) -> dict[str, Any] | None:
    content = session.get(MessageContent, (session.info["shop_id"], message_id))
    items = content.context["data"].get("review", {}).get("items", []) if content else []
    return items[number] if number < len(items) else None


def _rating(given: str | None, otherwise: int | None) -> int | None:
    return int(given) if given in ("1", "2", "3", "4", "5") else otherwise


def _save(session: Session, message: Any, item: dict[str, Any], rating: int, words: str) -> None:
    now = clock.now()
    row = {
        "customer_id": message.customer_id,
        "order_id": int(message.subject_key),
        "product_external_id": str(item["product_id"]),
        "rating": rating,
        "words": words or None,
        "created_at": now,
        "updated_at": now,
    }
    upsert(
        session,
        Review,
        [row],
        key=("order_id", "product_external_id"),
        newer="true",
        merge={"created_at": "t.created_at"},
    )
    told = {"order_id": row["order_id"], "product_id": row["product_external_id"], "rating": rating}
    recording.tell(session, [Happened("review.received", message.customer_id, told)])
