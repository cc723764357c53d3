"""A no in the middle of sending: whatever is begun after it was committed is one too many."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.error import HTTPError

import orjson

from app.security import keyring, tokens
from tests.chaos.cluster import until
from tests.chaos.scenarios.seen import Seen, none, seconds

if TYPE_CHECKING:
    import random

    from tests.chaos.cluster import Cluster

DOMAIN = "acme.myshopify.com"
ASKERS = 20
TRIES = 5
STOPS_WITHIN = 1.0
AT_ANY_HOUR = {"sending": {"ramp": False, "unverified": True}, "quiet_hours": {"enabled": False}}
BEGUN = """
    SELECT m.customer_id, min(a.begun_at) FROM message m JOIN attempt a ON a.shop_id = m.shop_id AND a.message_id = m.id
    WHERE m.shop_id = %s GROUP BY m.customer_id
"""


def by_many_readers(cluster: Cluster, rng: random.Random, messages: int = 20_000, readers: int = 3_000) -> Seen:
    """Readers unsubscribe by one click, twenty at a time, while marketing goes out to everybody."""
    shop_id = cluster.make_shop(DOMAIN)
    hours = orjson.dumps(AT_ANY_HOUR).decode()
    cluster.sql("UPDATE shop SET settings = settings || %s::jsonb WHERE id = %s", hours, shop_id)
    cluster.make_messages(shop_id, messages, 0)
    cluster.sql("UPDATE message SET purpose = 'marketing'")
    keyring.use(keyring.Keyring((cluster.env["SECRET_KEY"],)))
    chosen = rng.sample(cluster.sql("SELECT customer_id, id FROM message"), readers)
    cluster.faults(sendgrid={"delay_ms": 50})
    for name in ("send-1", "send-2"):
        cluster.spawn(name)
    until(lambda: sum(cluster.ledger().values()) > messages // 50, 60, "sending to be under way")
    with ThreadPoolExecutor(ASKERS) as pool:
        answers = list(pool.map(lambda pair: _unsubscribe(cluster, shop_id, *pair), chosen))
    cluster.healthy()
    cluster.spawn("clock", "workers.clock")
    until(lambda: cluster.left() == 0, 300, "everything to be settled")
    said = {customer: at for (customer, _), at in zip(chosen, answers, strict=True) if at is not None}
    begun = dict(cluster.sql(BEGUN, shop_id))
    taken = cluster.ledger()
    told = cluster.sql("SELECT count(*) FROM message WHERE state = 'skipped' AND reason = 'unsubscribed'")[0][0]
    sent_to = sum(customer in begun for customer in said)
    return Seen(
        f"{readers:,} readers unsubscribe, {ASKERS} at a time, during {messages:,} sends; {told:,} of them in time",
        (
            none("refused", readers - len(said)),
            none("begun after the no", sum(begun[c] > at for c, at in said.items() if c in begun)),
            none("neither sent nor held back for it", readers - sent_to - told),
            none("doubled", sum(n > 1 for n in taken.values())),
            none("others missing", messages - told - len(taken)),
        ),
    )


def _unsubscribe(cluster: Cluster, shop_id: int, customer_id: int, message_id: int) -> datetime | None:
    """When the answer was there that says it is done; None when it never came. Who is told to come back does."""
    token = tokens.make("unsubscribe", shop_id, customer_id, message_id)
    url = f"http://127.0.0.1:{cluster.web_port}/u/{token}"
    request = urllib.request.Request(url, b"List-Unsubscribe=One-Click")
    for _ in range(TRIES):
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                return datetime.now(UTC) if answer.status == 200 else None
        except HTTPError as error:
            if error.code != 503:
                return None
            time.sleep(1)
    return None


def by_the_merchant(cluster: Cluster, rng: random.Random, messages: int = 10_000) -> Seen:
    """The app is removed while ten thousand messages are going out, and installed again."""
    del rng
    shop_id = cluster.make_shop(DOMAIN)
    cluster.make_messages(shop_id, messages // 2, messages // 2)
    cluster.faults(sendgrid={"delay_ms": 50}, twilio={"delay_ms": 50})
    cluster.spawn("send-1")
    cluster.spawn("send-2")
    cluster.spawn("inbox", argument="inbox")
    until(lambda: sum(cluster.ledger().values()) > messages // 20, 60, "sending to be under way")
    begun = time.monotonic()
    assert _remove(cluster) == 200
    until(lambda: cluster.sql("SELECT 1 FROM shop WHERE id = %s AND state <> 'installed'", shop_id) != [], 30,
          "the removal to be applied", every=0.01)  # fmt: skip
    applied, gone = time.monotonic() - begun, datetime.now(UTC)
    time.sleep(STOPS_WITHIN + 3)
    late = cluster.sql("SELECT count(*) FROM attempt WHERE begun_at > %s", gone)[0][0]
    cluster.spawn("clock", "workers.clock")
    until(lambda: cluster.left() == 0, 120, "everything to be settled")
    settled = cluster.ledger()
    states = cluster.states(shop_id)
    cluster.sql("UPDATE shop SET state = 'installed', installed_at = now() WHERE id = %s", shop_id)
    time.sleep(3)
    revived = sum(cluster.ledger().values()) - sum(settled.values())
    told = cluster.sql("SELECT count(*) FROM message WHERE state = 'cancelled' AND reason = 'uninstalled'")[0][0]
    return Seen(
        f"the app is removed while {messages:,} messages go out: {len(settled):,} had gone, {told:,} didn't",
        (
            seconds("applied after", applied, 5),
            none("begun afterwards", late),
            none("neither sent nor cancelled for it", messages - told - len(settled)),
            none("left waiting", sum(n for state, n in states.items() if state in ("planned", "due", "claimed"))),
            none("doubled", sum(n > 1 for n in settled.values())),
            none("revived by installing again", revived),
        ),
    )


def _remove(cluster: Cluster) -> int:
    body = orjson.dumps({"id": 1, "domain": DOMAIN, "myshopify_domain": DOMAIN})
    headers = {
        "Content-Type": "application/json", "X-Shopify-Topic": "app/uninstalled", "X-Shopify-Shop-Domain": DOMAIN,
        "X-Shopify-API-Version": "2026-10", "X-Shopify-Webhook-Id": "w-gone", "X-Shopify-Event-Id": "e-gone",
        "X-Shopify-Triggered-At": datetime.now(UTC).isoformat(), "X-Shopify-Hmac-Sha256": base64.b64encode(
            hmac.digest(cluster.env["SHOPIFY_API_SECRET"].encode(), body, hashlib.sha256)).decode(),
    }  # fmt: skip
    url = f"http://127.0.0.1:{cluster.web_port}/webhooks/shopify"
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        return int(answer.status)
