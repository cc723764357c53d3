"""What happens to messages in people's hands: machines look first, then some people read, click, buy, or say stop."""

from __future__ import annotations

import html
import random
import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp

if TYPE_CHECKING:
    from simulator.agenda import Agenda
    from simulator.providers.postbox import Message
    from simulator.providers.service import Providers
    from simulator.settings import Settings
    from simulator.shoppers.sessions import Shoppers
    from simulator.store.models import Customer

SCANNER_SHARE = 0.08
"""Mailboxes behind a security scanner that opens every link within seconds."""
MPP_SHARE = 0.35
"""Mailboxes whose provider fetches every picture ahead, whether or not anybody reads."""
OPEN_SHARE, CLICK_SHARE = 0.42, 0.22
BUY_AFTER_CLICK = 0.4
SMS_CLICK_SHARE, STOP_SHARE, SPAM_SHARE = 0.16, 0.02, 0.001
MAX_HOPS = 4
_KIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_BLINK = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
_BROWSERS = (
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {_KIT} Version/18.1 Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_KIT} Version/18.1 Safari/605.1.15",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_BLINK} Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {_BLINK} Mobile Safari/537.36",
)
MPP_AGENT = "Mozilla/5.0"
SCANNER_AGENT = "Mozilla/5.0 (compatible; MailScanner/4.2; +https://scanner.example.net)"
_LINK = re.compile(r"""<a\b[^>]*?href=["']([^"']+)["']""", re.IGNORECASE)
_PIXEL = re.compile(r"""<img\b[^>]*?src=["']([^"']*/o/[^"']+)["']""", re.IGNORECASE)
_BARE_LINK = re.compile(r"https?://\S+")


class Readers:
    """Reads what arrives."""

    def __init__(self, settings: Settings, providers: Providers, shoppers: Shoppers, agenda: Agenda) -> None:
        self._settings = settings
        self._providers = providers
        self._shoppers = shoppers
        self._agenda = agenda
        self._rng = random.Random(settings.seed + 3)
        self.session: aiohttp.ClientSession | None = None
        providers.postbox.listeners.append(self.arrived)

    def arrived(self, message: Message) -> None:
        """Decide what will become of a message; only while the crowd is out."""
        if message.inbound or not self._settings.shoppers:
            return
        if message.channel == "sms":
            self._text_arrived(message)
        else:
            self._mail_arrived(message)

    def _mail_arrived(self, message: Message) -> None:
        rng = self._rng
        if rng.random() < SCANNER_SHARE:
            self._soon(2, lambda: self._scan(message))
        if rng.random() < MPP_SHARE:
            self._soon(20, lambda: self._fetch_pixels(message, MPP_AGENT))
        if rng.random() < OPEN_SHARE:
            wait = timedelta(minutes=min(2000, rng.lognormvariate(4.2, 1.2)))
            self._agenda.after(wait, lambda: self.read(message))
        if rng.random() < SPAM_SHARE:
            self._soon(60, lambda: self._complain(message))

    def _text_arrived(self, message: Message) -> None:
        rng = self._rng
        if "Reply YES" in message.text:
            self._soon(30, lambda: self.say_stop(message.to, "YES"))
        elif rng.random() < STOP_SHARE:
            self._soon(15, lambda: self.say_stop(message.to))
        elif rng.random() < SMS_CLICK_SHARE:
            self._soon(45, lambda: self.follow_text(message))

    async def read(self, message: Message) -> None:
        """Somebody opens a mail, perhaps follows the first link, perhaps buys what waits there."""
        agent = self._rng.choice(_BROWSERS)
        message.opened = True
        await self._fetch_pixels(message, agent)
        if message.tracks_opens:
            self._providers.sendgrid.event(message, "open", useragent=agent)
        if self._rng.random() < CLICK_SHARE / OPEN_SHARE:
            await self.click(message, agent)

    async def click(self, message: Message, agent: str = _BROWSERS[0]) -> str | None:
        """Follow the main link of a mail; the address where it ended."""
        links = self.links_of(message)
        if not links:
            return None
        message.clicked = True
        if message.tracks_clicks:
            self._providers.sendgrid.event(message, "click", url=links[0], useragent=agent)
        return await self._land(await self._follow(links[0], agent))

    async def follow_text(self, message: Message) -> None:
        """Follow the link in a text message."""
        if link := _BARE_LINK.search(message.text):
            message.clicked = True
            await self._land(await self._follow(link.group(0), self._rng.choice(_BROWSERS)))

    async def _land(self, address: str | None) -> str | None:
        """Arrived at a checkout, many buy."""
        if address and "/checkouts/" in address and self._rng.random() < BUY_AFTER_CLICK:
            visit = self._shoppers.world.store.checkouts.get(urlsplit(address).path.rsplit("/", 1)[-1])
            if visit is not None:
                self._soon(6, lambda: self._buy(visit.token))
        return address

    def _buy(self, token: str) -> None:
        self._shoppers.come_back_and_buy(self._shoppers.world.store.checkouts[token])

    async def _scan(self, message: Message) -> None:
        """A machine opens everything at once."""
        for link in self.links_of(message):
            await self._get(link, SCANNER_AGENT, method="HEAD")
            await self._follow(link, SCANNER_AGENT)

    async def _fetch_pixels(self, message: Message, agent: str) -> None:
        for source in _PIXEL.findall(message.html):
            await self._get(html.unescape(source), agent)

    def say_stop(self, number: str, word: str = "STOP") -> Customer | None:
        """Somebody answers a text with STOP; the store learns of it through the app, not from here."""
        self._providers.twilio.inbound(number, word)
        return self._shoppers.world.store.find_customer(phone=number)

    def _complain(self, message: Message) -> None:
        self._providers.sendgrid.event(message, "spamreport")

    def links_of(self, message: Message) -> list[str]:
        """The links a person would click: into the shop, not the small print at the foot."""
        found = [html.unescape(link) for link in _LINK.findall(message.html)]
        return [
            link
            for link in found
            if link.startswith(("http://127.0.0.1", "http://localhost"))
            and not urlsplit(link).path.startswith(("/u/", "/p/"))
        ]

    async def _follow(self, link: str, agent: str) -> str | None:
        """Go where a link leads, hop by hop, never off this machine; the last address, or None."""
        address = link
        for _ in range(MAX_HOPS):
            target = await self._get(address, agent)
            if target is None:
                return address
            address = target
        return address

    async def _get(self, address: str, agent: str, method: str = "GET") -> str | None:
        """One request; where it redirects to, as a full address, or None."""
        if self.session is None or urlsplit(address).hostname not in {"127.0.0.1", "localhost"}:
            return None
        try:
            async with self.session.request(
                method, address, headers={"User-Agent": agent}, allow_redirects=False
            ) as answer:
                await answer.read()
                place = answer.headers.get("Location")
                return str(answer.url.join(type(answer.url)(place))) if place and answer.status < 400 else None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None

    def _soon(self, minutes: float, action: object) -> None:
        self._agenda.after(timedelta(minutes=self._rng.uniform(0.1, minutes)), action)  # type: ignore[arg-type]
