"""Both providers put together, as part of the simulator or alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from simulator.providers.callbacks import Callbacks
from simulator.providers.dns import Server, Zone
from simulator.providers.keys import load_or_make, public_text
from simulator.providers.ledger import Ledger
from simulator.providers.postbox import KEPT, Postbox
from simulator.providers.sendgrid import MAX_BYTES, SendGrid
from simulator.providers.sendgrid_domains import Domains
from simulator.providers.twilio import Account, Twilio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from simulator.clock import BusinessClock
    from simulator.providers.faults import Faults
    from simulator.settings import Keys

BODY_LIMIT = MAX_BYTES + 1024 * 1024


@dataclass(slots=True)
class Providers:
    """What the rest of the simulator needs of the providers."""

    sendgrid: SendGrid
    twilio: Twilio
    postbox: Postbox
    ledger: Ledger
    callbacks: Callbacks
    faults: Faults
    public_key: str
    domains: Domains
    zone: Zone
    port: int = 0
    """Where the name server listens, by UDP: the number that everything else has by TCP. 0: any."""

    def add_routes(self, app: web.Application) -> None:
        """Serve both providers and the fault switches."""
        account = "/twilio/2010-04-01/Accounts/{account}"
        app.add_routes(
            [
                web.post("/sendgrid/v3/mail/send", self.sendgrid.send),
                web.post(f"{account}/Messages.json", self.twilio.create),
                web.get(f"{account}/Messages.json", self.twilio.list, allow_head=False),
                web.get(f"{account}/Messages/{{sid}}.json", self.twilio.fetch, allow_head=False),
                web.delete(f"{account}/Messages/{{sid}}.json", self.twilio.delete),
                web.get("/faults", self.faults.handle_get),
                web.post("/faults", self.faults.handle_post),
                web.get("/sendgrid/public-key", self._public_key),
                web.post("/dns", self.zone.handle_post),
                *self.domains.routes(),
                *self.twilio.services.routes(),
            ]
        )
        app.cleanup_ctx.append(self._lifetime)

    async def _public_key(self, _: web.Request) -> web.Response:
        return web.Response(text=self.public_key)

    async def _lifetime(self, _: web.Application) -> AsyncIterator[None]:
        await self.callbacks.start()
        names = Server(self.zone)
        await names.start(self.port)
        yield
        await names.stop()
        await self.callbacks.stop()
        self.ledger.close()


def build_providers(
    keys: Keys,
    clock: BusinessClock,
    app_url: str,
    data: Path,
    ledger: Path | None,
    faults: Faults,
    *,
    keep: int = KEPT,
) -> Providers:
    """Providers that report to `app_url`, with their signing key in `data` unless the environment names one."""
    key_file = keys.sendgrid_private_key_file or data / "sendgrid-events.pem"
    key = load_or_make(key_file)
    callbacks = Callbacks(app_url, key, keys.twilio_auth_token, faults)
    book, postbox, zone = Ledger(ledger), Postbox(keep=keep), Zone()
    return Providers(
        sendgrid=SendGrid(keys.sendgrid_api_key, clock, book, postbox, callbacks, faults),
        twilio=Twilio(
            Account(
                keys.twilio_account_sid,
                keys.twilio_auth_token,
                keys.twilio_messaging_service_sid,
                keys.twilio_numbers,
            ),
            clock,
            book,
            postbox,
            callbacks,
            faults,
        ),
        postbox=postbox,
        ledger=book,
        callbacks=callbacks,
        faults=faults,
        public_key=public_text(key),
        domains=Domains(keys.sendgrid_api_key, zone),
        zone=zone,
    )
