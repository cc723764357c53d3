"""What the simulator is told: by its command line, and by the same environment variables that the app reads."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.clock import BusinessClock, parse_iso, real_now
from simulator.store.state import ShopIdentity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_SCOPES = (
    "read_customers,write_customers,read_orders,read_all_orders,read_products,read_fulfillments,read_inventory,"
    "write_discounts,write_marketing_events,read_customer_merge"
)


@dataclass(frozen=True, slots=True)
class Keys:
    """What both sides share; the defaults are for a demonstration on one machine only."""

    shopify_api_key: str
    shopify_api_secret: str = field(repr=False)
    sendgrid_api_key: str = field(repr=False)
    sendgrid_private_key_file: Path | None
    twilio_account_sid: str
    twilio_auth_token: str = field(repr=False)
    twilio_messaging_service_sid: str
    twilio_numbers: tuple[str, ...] = ()
    """SIDs of numbers that wait to be given to a service."""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Keys:
        """Read the keys, with defaults of the right shape."""
        key_file = env.get("SIM_SENDGRID_PRIVATE_KEY_FILE", "")
        return cls(
            shopify_api_key=env.get("SHOPIFY_API_KEY") or "5afe0000000000000000000000000001",
            shopify_api_secret=env.get("SHOPIFY_API_SECRET") or "simulated-shopify-secret-for-this-machine",
            sendgrid_api_key=env.get("SENDGRID_API_KEY") or "SG.simulated.key-for-this-machine",
            sendgrid_private_key_file=Path(key_file) if key_file else None,
            twilio_account_sid=env.get("TWILIO_ACCOUNT_SID") or "AC" + "0" * 31 + "1",
            twilio_auth_token=env.get("TWILIO_AUTH_TOKEN") or "simulated-twilio-token-for-this-machine",
            twilio_messaging_service_sid=env.get("TWILIO_MESSAGING_SERVICE_SID") or "MG" + "0" * 31 + "1",
            twilio_numbers=tuple(sid for sid in env.get("TWILIO_NUMBERS", "").split(",") if sid),
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a run depends on."""

    port: int
    app_url: str
    clock: BusinessClock
    seed: int
    data: Path
    keys: Keys
    identity: ShopIdentity = field(default_factory=ShopIdentity)
    customers: int = 3000
    install: bool = True
    journeys: bool = True
    shoppers: bool = True
    sessions_per_hour: float = 6.0
    duplicate_share: float = 0.05
    reorder_share: float = 0.05
    token_life: int = 3600
    ledger: Path | None = None
    resume: bool = False
    """Go on where an earlier run with the same seed and data folder stopped."""
    app_toml: Path = Path("shopify.app.toml")

    @property
    def url(self) -> str:
        """Where the simulator answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def shop_url(self) -> str:
        """Where the shop answers: the value of SHOPIFY_API_BASE with the shop filled in."""
        return f"{self.url}/shopify/{self.identity.domain}"


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """What the whole simulator and the providers alone both take."""
    parser.add_argument("--port", type=int, default=5500)
    parser.add_argument("--app-url", default="http://127.0.0.1:5000", help="where the app answers")
    parser.add_argument("--speed", type=float, default=None, help="business seconds in a real one (CLOCK_SPEED, 600)")
    parser.add_argument("--ledger", type=Path, default=None, help="append-only file with a line per accepted message")
    parser.add_argument("--data", type=Path, default=Path(".local/demo"), help="folder for generated keys")


def parse_settings(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the command line and the environment."""
    env = os.environ if environ is None else environ
    parser = argparse.ArgumentParser("simulator", description=__doc__)
    add_common_arguments(parser)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--customers", type=int, default=3000, help="people in the year of history")
    parser.add_argument("--sessions-per-hour", type=float, default=6.0, help="shoppers per business hour")
    parser.add_argument("--duplicates", type=float, default=0.05, help="share of webhooks delivered twice")
    parser.add_argument("--reordered", type=float, default=0.05, help="share of webhooks delivered late")
    parser.add_argument("--token-life", type=int, default=3600, help="real seconds an access token lives")
    parser.add_argument("--no-install", action="store_true", help="the merchant does not open the app at start")
    parser.add_argument("--journeys-off", action="store_true", help="the merchant does not turn the journeys on")
    parser.add_argument("--no-shoppers", action="store_true", help="nobody shops unless a scenario says so")
    parser.add_argument("--fresh", action="store_true", help="forget an earlier run's world in the data folder")
    args = parser.parse_args(argv)
    return Settings(
        resume=not args.fresh,
        port=args.port,
        app_url=args.app_url.rstrip("/"),
        clock=clock_from(args.speed, env),
        seed=args.seed,
        data=args.data,
        keys=Keys.from_env(env),
        customers=args.customers,
        install=not args.no_install,
        journeys=not args.journeys_off,
        shoppers=not args.no_shoppers,
        sessions_per_hour=args.sessions_per_hour,
        duplicate_share=args.duplicates,
        reorder_share=args.reordered,
        token_life=args.token_life,
        ledger=args.ledger,
    )


def clock_from(speed: float | None, env: Mapping[str, str]) -> BusinessClock:
    """The clock both sides share: CLOCK_SPEED and CLOCK_EPOCH, the command line first."""
    epoch = env.get("CLOCK_EPOCH", "")
    return BusinessClock(
        speed=speed if speed is not None else float(env.get("CLOCK_SPEED") or 600),
        epoch=parse_iso(epoch) if epoch else real_now(),
    )
