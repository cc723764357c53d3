"""`python -m local.demo`: the whole system against the simulated store, on one printed address.

`--reset` forgets everything; `--smoke` runs a throw-away copy without a screen and exits 0 only when every journey
reached its shopper.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import os
import secrets
import shlex
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local.demo_clock import Line, resume
from local.ports import LOOPBACK, chosen_port, free_port
from local.postgres import CHECKOUT, Postgres
from local.run import DEFAULT_PORT, generated, processes, release
from local.services import services
from local.trouble import say, told_plainly

FOLDER: Final = CHECKOUT / ".local" / "demo"
SPEED: Final = 600.0
"""Business seconds in a real one: an hour takes six seconds."""
SMOKE_SPEED: Final = 3600.0
SEED: Final = 7
STOPPED: Final = 128 + signal.SIGINT
"""What the processes end with after Ctrl-C: for a demo that is how it should end."""


def main(arguments: list[str]) -> int:
    """Run the demo, its headless check, or the reset."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument("--reset", action="store_true", help="forget the demo's store, shoppers and messages")
    parser.add_argument("--smoke", action="store_true", help="check that every journey reaches its shopper, then exit")
    chosen = parser.parse_args(arguments)
    if chosen.reset:
        return _reset()
    if chosen.smoke:
        return _smoke()
    return _demo()


def _demo() -> int:
    port = chosen_port("PORT", os.environ["PORT"], DEFAULT_PORT) if os.environ.get("PORT") else free_port(DEFAULT_PORT)
    simulator_port = free_port(port + 1)
    say("Starting PostgreSQL and Redis (Ctrl-C stops everything; the next start goes on from there)")
    with services(FOLDER) as found:
        clock = resume(FOLDER, SPEED)
        settings = _settings(FOLDER, port, simulator_port, clock)
        settings.update(DATABASE_URL=found.database_url, REDIS_URL=found.redis_url)
        release(settings)
        beside = {
            "simulator": _simulator(FOLDER, port, simulator_port, SPEED),
            "demo": shlex.join(
                ["python", "-m", "local.demo_host", str(FOLDER), _address(port), _address(simulator_port)]
            ),
        }
        ended = processes(settings, beside)
    if ended != STOPPED:
        return ended
    say("Stopped. `make demo` goes on from here; `make demo-reset` makes it begin anew.")
    return 0


def _smoke() -> int:
    with tempfile.TemporaryDirectory(prefix="regulars-smoke-") as scratch:
        folder = Path(scratch)
        passed = folder / "passed"
        port, simulator_port = free_port(), free_port()
        with services(folder) as found, contextlib.ExitStack() as ending:
            if found.postgres:
                ending.callback(found.postgres.wipe)
            settings = _settings(folder, port, simulator_port, resume(folder, SMOKE_SPEED))
            settings.update(DATABASE_URL=found.database_url, REDIS_URL=found.redis_url)
            release(settings)
            beside = {
                "simulator": _simulator(folder, port, simulator_port, SMOKE_SPEED),
                # Another process that ends first ends the run too; only this one's success counts.
                "smoke": f"python -m simulator.smoke && touch {shlex.quote(str(passed))}",
            }
            code = processes(settings, beside)
            if passed.exists():
                return 0
            return code or 1


def _reset() -> int:
    Postgres(FOLDER / "postgres").wipe()
    shutil.rmtree(FOLDER, ignore_errors=True)
    say("The demo starts from nothing next time.")
    return 0


def _simulator(folder: Path, port: int, simulator_port: int, speed: float) -> str:
    words = ["python", "-m", "simulator", "--port", str(simulator_port), "--app-url", _address(port)]
    return shlex.join([*words, "--speed", f"{speed:g}", "--seed", str(SEED), "--data", str(folder)])


def _settings(folder: Path, port: int, simulator_port: int, clock: Line) -> dict[str, str]:
    """The environment all processes share: the app's own settings, pointing at the simulator."""
    simulator = _address(simulator_port)
    private_key = folder / "sendgrid-private-key.pem"
    secret = generated(
        folder / "secrets.env",
        {
            "SECRET_KEY": secrets.token_urlsafe(48),
            "SHOPIFY_API_KEY": secrets.token_hex(16),
            "SHOPIFY_API_SECRET": f"shpss_{secrets.token_hex(16)}",
            "SENDGRID_API_KEY": f"SG.{secrets.token_urlsafe(16)}.{secrets.token_urlsafe(32)}",
            "TWILIO_ACCOUNT_SID": f"AC{secrets.token_hex(16)}",
            "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
            "TWILIO_MESSAGING_SERVICE_SID": f"MG{secrets.token_hex(16)}",
            "TWILIO_NUMBERS": ",".join(f"PN{secrets.token_hex(16)}" for _ in range(3)),
        },
    )
    return {
        **os.environ,
        **secret,
        "PORT": str(port),
        "SIM_PORT": str(simulator_port),
        "PUBLIC_URL": _address(port),
        "SHOPIFY_API_SECRET_OLD": "",
        "SHOPIFY_API_BASE": f"{simulator}/shopify/{{shop}}",
        "SHOPIFY_APP_BRIDGE_URL": f"{simulator}/app-bridge.js",
        "SENDGRID_API_BASE": f"{simulator}/sendgrid",
        "SENDGRID_WEBHOOK_PUBLIC_KEY": _public_key(private_key),
        "SIM_SENDGRID_PRIVATE_KEY_FILE": str(private_key),
        "DNS_RESOLVER": f"{LOOPBACK}:{simulator_port}",
        "SMTP_URL": "",
        "SENDER_EMAIL": "hello@regulars.example",
        "TWILIO_API_BASE": f"{simulator}/twilio",
        "TWILIO_MESSAGING_BASE": f"{simulator}/twilio",
        "CLOCK_SPEED": f"{clock.speed:g}",
        "CLOCK_EPOCH": clock.epoch.isoformat(),
    }


def _public_key(private_key: Path) -> str:
    """The key that checks the simulated provider's signatures, as SendGrid shows it; the pair is made once."""
    if private_key.exists():
        key = serialization.load_pem_private_key(private_key.read_bytes(), password=None)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with os.fdopen(os.open(private_key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
            handle.write(pem)
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def _address(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


if __name__ == "__main__":
    with told_plainly():
        sys.exit(main(sys.argv[1:]))
