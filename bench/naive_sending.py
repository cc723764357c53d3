"""What sending is measured against: one RQ job per message, ORM rows, everything rendered anew, the provider's SDK.

    python -m bench.naive_sending

is a warm worker for such jobs: it doesn't fork, and the app is loaded before the first one.
"""

from __future__ import annotations

import redis
import rq
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import CustomArg, Mail
from sqlalchemy import text

from app import clock, create_app
from app.content.samples import Sample
from app.customers.models import Customer
from app.messages.claiming import BATCH, LARGE_BATCH, claim as claim_batch
from app.messages.models import Message, Template
from app.orders.models import Order
from app.shops.models import Shop
from app.transaction import transaction
from bench.naive_render import PythonLiquid
from config import Settings

QUEUE = "naive"


def queue(settings: Settings) -> rq.Queue:
    """Where the jobs wait."""
    return rq.Queue(QUEUE, connection=redis.Redis.from_url(settings.redis_url))


def send(shop_id: int, message_id: int) -> None:
    """Load, render, call and mark, in one transaction."""
    settings = Settings.from_env()
    with transaction(shop_id) as session:
        message = session.get_one(Message, (shop_id, message_id))
        customer = session.get_one(Customer, (shop_id, message.customer_id))
        order = session.get_one(Order, (shop_id, int(message.subject_key)))
        shop = session.get_one(Shop, shop_id)
        template = session.get_one(Template, (shop_id, message.template_id))
        context = {
            "shop": {"name": shop.name, "url": shop.storefront_url, "email": "", "address": shop.address},
            "brand": {},
            "customer": {"first_name": customer.first_name, "last_name": customer.last_name},
            "order": {"name": order.name, "items": order.lines, "total": order.total, "status_url": order.status_url},
            "unsubscribe_url": f"{settings.public_url}/u/{message.id}",
            "preferences_url": f"{settings.public_url}/p/{message.id}",
        }
        sample = Sample(context, "en-US", "USD", shop.timezone)
        mail = Mail(
            from_email=settings.sender_email,
            to_emails=customer.email,
            subject=f"Thank you, {customer.first_name}",
            html_content=PythonLiquid(template.source).each_time(sample),
        )
        mail.add_custom_arg(CustomArg("reference", str(message.id)))
        answer = SendGridAPIClient(settings.sendgrid.api_key, host=settings.sendgrid.api_base).send(mail)
        message.state, message.provider_ref = "accepted", answer.headers["X-Message-Id"]
        message.accepted_at = clock.now()


def claim(shop_id: int, message_id: int) -> None:
    """Only the part that RQ has in it: this one message is somebody's now."""
    with transaction(shop_id) as session:
        session.execute(
            text("UPDATE message SET state = 'claimed' WHERE shop_id = :shop AND id = :id AND state = 'due'"),
            {"shop": shop_id, "id": message_id},
        )


def claim_all(lease_seconds: float) -> int:
    """The same as our own job does it: one job for whatever is due, claimed in batches."""
    done, size = 0, BATCH
    while claimed := len(claim_batch(clock.now(), ["email"], lease_seconds, size)):
        done, size = done + claimed, LARGE_BATCH if claimed >= size else BATCH
    return done


def main() -> None:
    """Work until ended."""
    settings = Settings.from_env()
    app = create_app(settings)
    with app.app_context():
        found = queue(settings)
        rq.SimpleWorker([found], connection=found.connection).work(logging_level="ERROR")


if __name__ == "__main__":
    main()
