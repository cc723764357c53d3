"""Settings, read once from the environment. The only place that looks at it.

Every variable is described in the README's configuration table. A missing or unsafe value stops the start with
one sentence that says what to do; nothing falls back to a default secret.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MINIMUM_SECRET_LENGTH = 32
WELL_KNOWN_SECRETS = ("changeme", "secret", "password", "example", "default", "development")


class ConfigurationError(SystemExit):
    """The environment can't be used as it is; the message tells the operator what to change."""


@dataclass(frozen=True, slots=True)
class Shopify:
    """What the app needs to be a Shopify app."""

    api_key: str
    api_secret: str = field(repr=False)
    api_secret_old: str = field(repr=False)
    api_base: str
    app_bridge_url: str


@dataclass(frozen=True, slots=True)
class SendGrid:
    """The host's SendGrid account; a shop may have its own."""

    api_key: str = field(repr=False)
    api_base: str
    webhook_public_key: str


@dataclass(frozen=True, slots=True)
class Twilio:
    """The host's Twilio account; a shop may have its own."""

    account_sid: str
    auth_token: str = field(repr=False)
    messaging_service_sid: str
    api_base: str
    signing_key: str = field(default="", repr=False)
    """For accounts whose callbacks are signed by SHA-256 with a key of their own."""
    messaging_base: str = "https://messaging.twilio.com"
    """Where its Messaging Services are managed."""
    numbers: tuple[str, ...] = ()
    """Numbers (PN...) to give to shops, one each with a Messaging Service of its own; empty: all shops share one."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that differs between one installation and another."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    secret_keys: tuple[str, ...] = field(repr=False)
    """Newest first; the newest seals, all of them open."""
    public_url: str
    shopify: Shopify
    sendgrid: SendGrid
    twilio: Twilio
    smtp_url: str = field(repr=False)
    sender_email: str
    clock_speed: float
    clock_epoch: datetime | None
    trusted_proxies: int
    log_level: str
    dns_resolver: str = ""
    """Whom to ask about sending domains (`127.0.0.1:5353`); empty: the machine's own name servers."""
    outbound_allow: tuple[str, ...] = ()
    """Networks that addresses typed in by merchants may lead to although they aren't public."""
    fault_point: str = ""
    """For tests: where to kill the process."""
    lease_seconds: float = 120.0
    """How long a worker's claim on a message holds; a hand-over older than that is of unknown outcome."""
    email_grace_seconds: float = 900.0
    sms_grace_seconds: float = 600.0
    """How long an unknown outcome waits for a receipt before anything else is asked."""

    def grace_seconds(self, channel: str) -> float:
        """How long an unknown outcome on a channel waits for a receipt."""
        return self.sms_grace_seconds if channel == "sms" else self.email_grace_seconds

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read and check the environment.

        Raises:
            ConfigurationError: with one sentence per problem, all problems at once.
        """
        env = os.environ if environ is None else environ
        problems: list[str] = []
        database_url = _required(env, "DATABASE_URL", "the address of a PostgreSQL database", problems)
        redis_url = _required(env, "REDIS_URL", "the address of a Redis server", problems)
        secret_keys = _secrets(env, problems)
        public_url = _public_url(env, problems)
        speed = _number(env, "CLOCK_SPEED", 1.0, problems)
        epoch = _instant(env, "CLOCK_EPOCH", problems)
        api_secret = env.get("SHOPIFY_API_SECRET", "")
        api_secret_old = env.get("SHOPIFY_API_SECRET_OLD", "")
        if secret_keys and {api_secret, api_secret_old} & set(secret_keys):
            problems.append("SECRET_KEY must not be the Shopify API secret: a value we sign could pass for a webhook.")
        settings = cls(
            database_url=_psycopg(database_url),
            redis_url=redis_url,
            secret_keys=secret_keys,
            public_url=public_url,
            shopify=Shopify(
                api_key=env.get("SHOPIFY_API_KEY", ""),
                api_secret=api_secret,
                api_secret_old=api_secret_old,
                api_base=env.get("SHOPIFY_API_BASE", "https://{shop}").rstrip("/"),
                app_bridge_url=env.get("SHOPIFY_APP_BRIDGE_URL", "https://cdn.shopify.com/shopifycloud/app-bridge.js"),
            ),
            sendgrid=SendGrid(
                api_key=env.get("SENDGRID_API_KEY", ""),
                api_base=env.get("SENDGRID_API_BASE", "https://api.sendgrid.com").rstrip("/"),
                webhook_public_key=env.get("SENDGRID_WEBHOOK_PUBLIC_KEY", ""),
            ),
            twilio=Twilio(
                account_sid=env.get("TWILIO_ACCOUNT_SID", ""),
                auth_token=env.get("TWILIO_AUTH_TOKEN", ""),
                messaging_service_sid=env.get("TWILIO_MESSAGING_SERVICE_SID", ""),
                api_base=env.get("TWILIO_API_BASE", "https://api.twilio.com").rstrip("/"),
                signing_key=env.get("TWILIO_SIGNING_KEY", ""),
                messaging_base=env.get("TWILIO_MESSAGING_BASE", "https://messaging.twilio.com").rstrip("/"),
                numbers=_numbers(env, "TWILIO_NUMBERS", problems),
            ),
            smtp_url=env.get("SMTP_URL", ""),
            sender_email=env.get("SENDER_EMAIL", ""),
            clock_speed=speed,
            clock_epoch=epoch,
            trusted_proxies=int(_number(env, "TRUSTED_PROXIES", 1.0, problems)),
            log_level=env.get("LOG_LEVEL", "INFO").upper(),
            outbound_allow=_networks(env, "OUTBOUND_ALLOW", problems),
            dns_resolver=env.get("DNS_RESOLVER", "").strip(),
            fault_point=env.get("FAULT_POINT", ""),
            lease_seconds=_number(env, "LEASE_SECONDS", 120.0, problems),
            email_grace_seconds=_number(env, "EMAIL_GRACE_SECONDS", 900.0, problems),
            sms_grace_seconds=_number(env, "SMS_GRACE_SECONDS", 600.0, problems),
        )
        if problems:
            raise ConfigurationError("\n".join(["Regulars can't start:", *(f"  - {p}" for p in problems)]))
        return settings


def _required(env: Mapping[str, str], name: str, what: str, problems: list[str]) -> str:
    value = env.get(name, "").strip()
    if not value:
        problems.append(f"{name} is missing: set it to {what}.")
    return value


def _secrets(env: Mapping[str, str], problems: list[str]) -> tuple[str, ...]:
    """SECRET_KEY may hold several keys, newest first, separated by commas: that is how keys are rotated."""
    keys = tuple(k.strip() for k in env.get("SECRET_KEY", "").split(",") if k.strip())
    if not keys:
        problems.append("SECRET_KEY is missing: set it to a long random text, e.g. from `openssl rand -hex 32`.")
    for key in keys:
        known = any(key.lower().startswith(w) for w in WELL_KNOWN_SECRETS)
        if known or len(key) < MINIMUM_SECRET_LENGTH or len(set(key)) < MINIMUM_SECRET_LENGTH // 4:
            problems.append(
                f"SECRET_KEY is too easy to guess: use at least {MINIMUM_SECRET_LENGTH} random characters, "
                "e.g. from `openssl rand -hex 32`."
            )
    return keys


def _public_url(env: Mapping[str, str], problems: list[str]) -> str:
    url = _required(env, "PUBLIC_URL", "the https address under which shoppers reach this app", problems).rstrip("/")
    if url and not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        problems.append("PUBLIC_URL must begin with https:// (http is accepted only for this machine itself).")
    return url


def _number(env: Mapping[str, str], name: str, default: float, problems: list[str]) -> float:
    raw = env.get(name, "").strip()
    try:
        return float(raw) if raw else default
    except ValueError:
        problems.append(f"{name} must be a number.")
        return default


def _networks(env: Mapping[str, str], name: str, problems: list[str]) -> tuple[str, ...]:
    networks = tuple(part.strip() for part in env.get(name, "").split(",") if part.strip())
    try:
        for network in networks:
            ip_network(network)
    except ValueError:
        problems.append(f"{name} must be networks such as 10.2.0.0/16, separated by commas.")
    return networks


def _numbers(env: Mapping[str, str], name: str, problems: list[str]) -> tuple[str, ...]:
    numbers = tuple(dict.fromkeys(part.strip() for part in env.get(name, "").split(",") if part.strip()))
    if not all(re.fullmatch(r"PN[0-9a-fA-F]{32}", number) for number in numbers):
        problems.append(f"{name} must be SIDs of phone numbers (PN and 32 digits), separated by commas.")
    return numbers


def _instant(env: Mapping[str, str], name: str, problems: list[str]) -> datetime | None:
    raw = env.get(name, "").strip()
    if not raw:
        return None
    try:
        value = datetime.fromisoformat(raw)
    except ValueError:
        problems.append(f"{name} must be a time such as 2026-01-31T12:00:00Z.")
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _psycopg(url: str) -> str:
    """Hosts hand out postgres:// or postgresql://; SQLAlchemy wants the driver named."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url
