"""Whether a shopper's text asks us to stop, to start again, or for help."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Wish = Literal["stop", "start", "help"]

LONGEST = 1600
"""Characters looked at: the longest text a carrier joins."""

ANSWERED = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"})
"""Twilio confirms these by itself, when they are the whole text (CONTRACT 6)."""
START = frozenset({"start", "yes", "unstop"})
HELP = frozenset({"help", "info"})
STOP = frozenset({"stop", "stopall", "unsubscribe", "unsub", "revoke", "optout", "stopp", "arret"})
"""Opt out wherever they stand. Who writes "please STOP it" means it; better one reader lost than one text unwanted."""
STOP_UNLESS_ABOUT_AN_ORDER = frozenset({"cancel", "end", "quit", "parar", "cancelar", "basta"})
"""Opt out too, unless the text is a question or speaks of a purchase ("cancel my order", "when does the sale end?")."""
_PURCHASE = frozenset(
    {"order", "orders", "item", "items", "delivery", "shipment", "shipping", "package", "parcel", "purchase", "refund"}
    | {"return", "sale", "offer", "discount", "code", "cart", "checkout", "payment", "pedido", "weekend"}
)
_SPELT = re.compile(r"s+t+[o0]+p+(all)?")
_FREE = re.compile(
    r"""\b(?:
        opt(?:ing|ed)?\ (?:me\ |us\ )?out
      | (?:remove|delete|erase)\ (?:me|us|my\ (?:phone\ )?(?:number|phone|info|data)|this\ (?:phone\ )?number)
      | (?:take|get)\ (?:me|us|my\ number|this\ number)\ off
      | no\ (?:more|further)\ (?:of\ (?:these|this|your)\ )?(?:texts?|messages?|msgs?|sms|txts?)
      | (?:do\ not|don'?t|never)\ (?:ever\ )?(?:text|message|msg|sms|contact|write|txt)\b
      | (?:do\ not|don'?t)\ send\ (?:me|us|any|more|these|this\ number)
      | (?:do\ not|don'?t)\ (?:want|wish|need)\ (?:to\ (?:get|receive)\ )?(?:(?:these|this|your|any|more|anymore)\ )*
        (?:texts?|messages?|msgs?|sms|txts?)
      | leave\ (?:me|us)\ alone
      | wrong\ number
    )""",
    re.VERBOSE,
)
"""Plain wishes of people who know no keywords."""
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


def classify(text: str, opt_out_type: str | None = None) -> Wish | None:
    """What a text asks for, or None when it is just a text.

    `opt_out_type` is the provider's own verdict (STOP, START, HELP) and is taken at its word. Otherwise STOP and its
    kin count anywhere in the text, START and HELP only when they are the whole of it.
    """
    verdicts: dict[str, Wish] = {"STOP": "stop", "START": "start", "HELP": "help"}
    verdict = verdicts.get((opt_out_type or "").strip().upper())
    if verdict:
        return verdict
    words = _words(text[:LONGEST])
    if _asks_to_stop(words, is_question="?" in text[:LONGEST]):
        return "stop"
    whole = " ".join(words)
    if whole in START:
        return "start"
    return "help" if whole in HELP else None


def answered_by_provider(text: str) -> bool:
    """Whether the provider has already confirmed an opt-out that was written like this."""
    return text.strip().casefold() in ANSWERED


def _asks_to_stop(words: list[str], *, is_question: bool) -> bool:
    if any(word in STOP or _SPELT.fullmatch(word) for word in words):
        return True
    if _SPELT.fullmatch("".join(words)) and all(len(word) == 1 for word in words):
        return True
    about_an_order = is_question or not _PURCHASE.isdisjoint(words)
    if not about_an_order and not STOP_UNLESS_ABOUT_AN_ORDER.isdisjoint(words):
        return True
    return _FREE.search(" ".join(words)) is not None


def _words(text: str) -> list[str]:
    """The words in lower case, without accents, punctuation and signs that can't be seen."""
    plain = unicodedata.normalize("NFKD", text.replace("\u2019", "'")).casefold()
    return _WORD.findall("".join(c for c in plain if unicodedata.category(c) not in {"Mn", "Cf"}))
