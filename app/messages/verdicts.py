"""Did a human do it? Pure. BEHAVIOUR "Bots"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TOO_FAST = timedelta(seconds=7)
"""Link scanners of mail gateways fetch within seconds of delivery."""
AT_ONCE = timedelta(seconds=10)
MANY_LINKS = 3
"""So many links of one message at once nobody clicks."""
SECOND_NETWORK = timedelta(seconds=15)
"""A gateway looks at a link from its own network at the moment somebody clicks it, or a moment before."""
TRAPPED = timedelta(minutes=1)
"""Whoever followed the link that can't be seen follows the others around that moment."""

MACHINES = re.compile(
    r"bot\b|crawl|spider|slurp|scan|preview|monitor|headless|phantomjs|selenium|puppeteer|playwright"
    r"|curl|wget|python|go-http|java/|okhttp|libwww|perl|ruby|axios|node-fetch|undici|httpclient|guzzle|aiohttp|winhttp"
    r"|barracuda|proofpoint|mimecast|safelinks|symantec|messagelabs|fortinet|fortimail|ironport|sophos|trendmicro"
    r"|trend micro|mcafee|fireeye|trellix|zscaler|bluecoat|forcepoint|websense|checkpoint|avanan|cloudmark|virustotal"
    r"|urlscan|phish|cyren|vade|hornetsecurity|facebookexternalhit|whatsapp|telegram|slack|discord|skypeuri|bingpreview",
    re.IGNORECASE,
)
ANCIENT = re.compile(r"MSIE [1-8]\.|Chrome/[1-6]?\d\.|Firefox/[1-5]?\d\.|Windows NT 5\.")
"""Browsers that nobody has had for years, and that scanners still say they are."""
PRIVACY_PROXIES = re.compile(
    r"^Mozilla/5\.0$|googleimageproxy|yahoomailproxy|duckduckgo.*proxy|protonmail", re.IGNORECASE
)
"""Apple's mail privacy protection (that bare agent), and mail services that fetch pictures for their readers."""
SYSTEMS = (
    ("ios", re.compile(r"iPhone|iPad|iPod")),
    ("android", re.compile(r"Android")),
    ("windows", re.compile(r"Windows")),
    ("mac", re.compile(r"Macintosh|Mac OS X")),
    ("linux", re.compile(r"Linux|X11|CrOS")),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """An open or a click, as it was seen."""

    kind: str
    user_agent: str
    method: str
    since_sent: timedelta | None
    links_at_once: int
    """How many different links of the message were fetched within `AT_ONCE`, this one included."""
    prefetch: bool = False
    """It says itself that nobody is looking."""
    hidden_link: bool = False
    """It is the link that can't be seen, or that one was followed within `TRAPPED`."""
    second_network: bool = False
    """Another network or system clicked in the message within `SECOND_NETWORK`, and looked human."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """human | machine | unknown, and the sign it rests on."""

    verdict: str
    reason: str


SIGNS: tuple[tuple[Callable[[Seen], bool], Verdict], ...] = (
    (lambda seen: seen.hidden_link, Verdict("machine", "hidden_link")),
    (lambda seen: seen.method == "HEAD", Verdict("machine", "head_request")),
    (lambda seen: seen.prefetch, Verdict("machine", "prefetch")),
    (lambda seen: not seen.user_agent, Verdict("machine", "no_user_agent")),
    (lambda seen: bool(PRIVACY_PROXIES.search(seen.user_agent)), Verdict("unknown", "privacy_proxy")),
    (lambda seen: bool(MACHINES.search(seen.user_agent)), Verdict("machine", "known_agent")),
    (lambda seen: bool(ANCIENT.search(seen.user_agent)), Verdict("machine", "ancient_agent")),
    (lambda seen: seen.since_sent is not None and seen.since_sent < TOO_FAST, Verdict("machine", "too_fast")),
    (lambda seen: seen.kind == "click" and seen.links_at_once >= MANY_LINKS, Verdict("machine", "all_links_at_once")),
    # Of the two, one was a person, maybe: the later one isn't counted, and the earlier one no longer.
    (lambda seen: seen.kind == "click" and seen.second_network, Verdict("unknown", "second_network")),
)
REVISING = {"hidden_link": TRAPPED, "all_links_at_once": AT_ONCE, "second_network": SECOND_NETWORK}
"""Signs that tell of what came shortly before, too: how long before."""


def verdict(seen: Seen) -> Verdict:
    """The first sign decides; without any, it was a human."""
    return next((word for sign, word in SIGNS if sign(seen)), Verdict("human", "no_sign_of_a_machine"))


def system_of(user_agent: str) -> str | None:
    """The operating system an agent names, or None."""
    return next((name for name, sign in SYSTEMS if sign.search(user_agent)), None)
