"""How many webhooks a second are durable before their answer? Beside a Flask no-op and a plain ORM endpoint.

    python -m bench.ingest [requests per round]

One run, one machine, the same 6 kB order, correct HMAC, a new webhook id each. The no-op answers without looking; the
ORM endpoint is what one would write first: gunicorn, Flask-SQLAlchemy, `add` and `commit` of the parsed payload.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import statistics
import subprocess
import sys
import time
import urllib.request
import uuid
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.house import ROOT, SECRET, house
from bench.load import send
from bench.table import Row, Target, as_text
from local.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.house import House
    from bench.load import Result

ROUNDS = 3
CONNECTIONS = 128
WARM_UP = 500
DURABLE, BY_WSGI, NOOP, ORM = "durable", "durable, WSGI", "Flask no-op", "ORM add/commit"
SERVERS = {
    DURABLE: ["granian", "--interface", "rsgi", "--http", "1", "--no-ws", "--workers", "1", "rsgi:app"],
    BY_WSGI: ["granian", "--interface", "wsgi", "--workers", "1", "--blocking-threads", "64", "wsgi:app"],
    NOOP: [
        "granian",
        "--interface",
        "wsgi",
        "--workers",
        "1",
        "--blocking-threads",
        "16",
        "bench.naive_ingest:noop",
    ],
    ORM: ["gunicorn", "-k", "gthread", "-w", "2", "--threads", "4", "bench.naive_ingest:orm"],
}


def order(number: int) -> bytes:
    """A 6 kB order."""
    lines = [
        {
            "id": number * 10 + i,
            "variant_id": 40_000 + i,
            "product_id": 30_000 + i,
            "title": f"House blend {i}",
            "quantity": 1 + i % 3,
            "price": "18.00",
            "sku": f"HB-{i}",
            "variant_title": "250 g",
            "gift_card": False,
            "requires_shipping": True,
            "properties": [],
            "tax_lines": [{"price": "1.48", "rate": 0.0825, "title": "Tax"}],
            "admin_graphql_api_id": f"gid://shopify/LineItem/{number * 10 + i}",
            "vendor": "Sage",
            "grams": 250,
        }
        for i in range(12)
    ]
    body = {
        "id": number,
        "name": f"#{number}",
        "email": f"shopper{number % 5000}@example.com",
        "created_at": "2026-11-20T10:00:00Z",
        "updated_at": "2026-11-20T10:00:00Z",
        "currency": "USD",
        "total_price": "100.00",
        "current_total_price": "100.00",
        "financial_status": "paid",
        "test": False,
        "source_name": "web",
        "checkout_token": f"tok{number}",
        "cart_token": f"cart{number}",
        "customer": {"id": number % 5000, "email": f"shopper{number % 5000}@example.com", "first_name": "Ana"},
        "line_items": lines,
        "note": "x" * 900,
    }
    return json.dumps(body).encode()


def requests(count: int) -> list[bytes]:
    """Signed requests, ready to be written to a socket."""
    bodies = [order(n) for n in range(200)]
    macs = [base64.b64encode(hmac.digest(SECRET.encode(), b, hashlib.sha256)).decode() for b in bodies]
    made = []
    for n in range(count):
        body, mac = bodies[n % 200], macs[n % 200]
        head = (
            f"POST /webhooks/shopify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-Shopify-Topic: orders/create\r\nX-Shopify-Hmac-Sha256: {mac}\r\n"
            f"X-Shopify-Shop-Domain: bench.myshopify.com\r\nX-Shopify-Api-Version: 2026-10\r\n"
            f"X-Shopify-Webhook-Id: {uuid.uuid4()}\r\nX-Shopify-Triggered-At: 2026-11-20T10:00:00Z\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


@contextmanager
def server(found: House, name: str) -> Iterator[int]:
    """One of the servers, on a free port."""
    port = free_port()
    command = SERVERS[name]
    program = Path(sys.executable).parent / command[0]
    where = (
        ["--bind", f"127.0.0.1:{port}"] if command[0] == "gunicorn" else ["--host", "127.0.0.1", "--port", str(port)]
    )
    process = subprocess.Popen(
        [program, *where, *command[1:]],
        cwd=ROOT,
        env=found.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).read()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("a server did not come up")


def measure(found: House, count: int, rounds: int = ROUNDS) -> dict[str, list[Result]]:
    """Interleaved rounds; the servers that aren't asked just wait.

    Raises:
        SystemExit: an answer was not 200.
    """
    found.make_shop()
    results: dict[str, list[Result]] = {name: [] for name in SERVERS}
    with ExitStack() as stack:
        ports = {name: stack.enter_context(server(found, name)) for name in SERVERS}
        for port in ports.values():
            send(port, requests(min(WARM_UP, count)), CONNECTIONS)
        for _ in range(rounds):
            for name, port in ports.items():
                some = requests(count // 10 if name == ORM else count)
                result = send(port, some, CONNECTIONS)
                if set(result.statuses) != {200}:
                    raise SystemExit(f"{name}: {dict(result.statuses)}")
                results[name].append(result)
            found.sql("TRUNCATE delivery")
    found.empty()
    return results


def rows(results: Mapping[str, Sequence[Result]]) -> list[Row]:
    """Lines for the table."""
    rate = {name: statistics.median(r.rate for r in some) for name, some in results.items()}
    p99 = {name: statistics.median(r.percentile(0.99) for r in some) for name, some in results.items()}
    path = f"webhook accepted, durable ({CONNECTIONS} connections)"
    mine = f"{rate[DURABLE]:,.0f}/s"
    beside = ((NOOP, Target(1.0, "x")), (ORM, Target(12, "x")), (BY_WSGI, None))
    return [
        *(Row(path, mine, f"{name}: {rate[name]:,.0f}/s", rate[DURABLE] / rate[name], goal) for name, goal in beside),
        Row(
            f"{path}, p99",
            f"{p99[DURABLE]:.0f} ms",
            f"{NOOP}: {p99[NOOP]:.0f} ms",
            p99[DURABLE],
            Target(60, " ms", at_most=True),
        ),
    ]


if __name__ == "__main__":
    with house() as own:
        print(as_text(rows(measure(own, int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))))
