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
MANY_LINKS = 3
MACHINES = re.compile(
    r"bot\b|crawler|spider|curl|wget|python|go-http|java/|okhttp|headless|preview|scan|barracuda|proofpoint|mimecast"
    r"|safelinks|symantec|fortinet|googleimageproxy|yahoomailproxy|virustotal|slurp|facebookexternalhit|monitor",
    re.IGNORECASE,
)
# Apple's mail privacy protection fetches every image through proxies with this bare agent.
PRIVACY_PROXY = re.compile(r"^Mozilla/5\.0$")


@dataclass(frozen=True, slots=True)
class Seen:
    """An open or a click, as it was seen."""

    kind: str
    user_agent: str
    method: str
    since_sent: timedelta | None
    other_links: int
    """How many different links of the same message were fetched within seconds."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """human | machine | unknown, and the sign it rests on."""

    verdict: str
    reason: str


SIGNS: tuple[tuple[Callable[[Seen], bool], Verdict], ...] = (
    (lambda seen: seen.method == "HEAD", Verdict("machine", "head_request")),
    (lambda seen: not seen.user_agent, Verdict("machine", "no_user_agent")),
    (lambda seen: bool(PRIVACY_PROXY.search(seen.user_agent)), Verdict("unknown", "privacy_proxy")),
    (lambda seen: bool(MACHINES.search(seen.user_agent)), Verdict("machine", "known_agent")),
    (lambda seen: seen.since_sent is not None and seen.since_sent < TOO_FAST, Verdict("machine", "too_fast")),
    (lambda seen: seen.kind == "click" and seen.other_links >= MANY_LINKS, Verdict("machine", "all_links_at_once")),
)


def verdict(seen: Seen) -> Verdict:
    """The first sign decides; without any, it was a human."""
    return next((word for sign, word in SIGNS if sign(seen)), Verdict("human", "no_sign_of_a_machine"))
