"""What mails to many people have in common, and what is each one's own: for providers that fill in the rest. Pure.

Every mail is rendered for its reader. Mails of one template differ in a few places; here they are cut into pieces,
pieces that all mails share are kept once, and each piece that differs becomes a tag whose value each person brings.
Putting the values in gives each mail back, character by character, in whatever order a provider puts them in: a tag
holds a word that stands in none of the mails, so nothing else can be taken for a tag.
"""

from __future__ import annotations

import secrets
import string
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.channels.base import OutboundEmail

LETTERS = string.ascii_letters + string.digits
WORD_LENGTH = 12
MOST_VALUE_BYTES = 8_000
"""SendGrid says 10,000 bytes of substitutions a person (CONTRACT, `tsg_mail_v3.json`) and was seen to refuse more than
8,000 (sendgrid-python#548)."""


@dataclass(frozen=True, slots=True)
class Shared:
    """Mails that can travel together: their common text with tags, and each one's values."""

    places: tuple[int, ...]
    """Where each mail stood in the sequence that was given."""
    html: str = field(repr=False)
    text: str = field(repr=False)
    values: tuple[dict[str, str], ...] = field(repr=False)
    """For each mail what its tags stand for."""


def share(mails: Sequence[OutboundEmail], new_word: Callable[[], str] | None = None) -> list[Shared]:
    """Put mails together that have the same sender and shape. Who is in none of the answers travels alone.

    No address is twice in the same one: a provider may refuse that. Nobody's values are in anybody else's.
    """
    word = (new_word or _word)()
    alike: dict[tuple[object, ...], list[_Cut]] = defaultdict(list)
    for place, mail in enumerate(mails):
        if _fits(mail, word):
            cut = _Cut(place, mail, mail.html.split(">"), mail.text.split("\n"))
            key = (mail.sender, mail.sender_name, mail.reply_to, len(cut.html), len(cut.text))
            alike[key].append(cut)
    found = [_shared(cuts, word) for cuts in map(_one_each, alike.values()) if len(cuts) > 1]
    return [shared for shared in found if len(shared.places) > 1]


@dataclass(frozen=True, slots=True)
class _Cut:
    """A mail in pieces."""

    place: int
    mail: OutboundEmail
    html: list[str]
    text: list[str]


def _word() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(WORD_LENGTH))


def _fits(mail: OutboundEmail, word: str) -> bool:
    """Whether a mail holds nothing that could be taken for a tag, and only characters that can be sent at all."""
    texts = (mail.html, mail.text, mail.subject, *mail.headers.values())
    return not any(word in text for text in texts) and all(text.isascii() or _is_unicode(text) for text in texts)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _one_each(cuts: list[_Cut]) -> list[_Cut]:
    """The first mail to each address."""
    first: dict[str, _Cut] = {}
    for cut in cuts:
        first.setdefault(cut.mail.to.lower(), cut)
    return list(first.values())


def _shared(cuts: list[_Cut], word: str) -> Shared:
    tags: dict[tuple[str, ...], str] = {}
    html = _common([cut.html for cut in cuts], ">", tags, word)
    text = _common([cut.text for cut in cuts], "\n", tags, word)
    names = list(tags.values())
    each = [dict(zip(names, own, strict=True)) for own in zip(*tags, strict=True)] if tags else [{} for _ in cuts]
    fitting = [n for n, own in enumerate(each) if len(orjson.dumps(own)) <= MOST_VALUE_BYTES]
    return Shared(tuple(cuts[n].place for n in fitting), html, text, tuple(each[n] for n in fitting))


def _common(mails: list[list[str]], separator: str, tags: dict[tuple[str, ...], str], word: str) -> str:
    """One text for all mails. Equal differences share a tag, in whichever part of the mails they are."""
    pieces = []
    for column in zip(*mails, strict=True):
        first = column[0]
        if column.count(first) == len(column):
            pieces.append(first)
            continue
        begin = _common_length(min(column), max(column))
        backwards = [piece[::-1] for piece in column]
        end = min(_common_length(min(backwards), max(backwards)), min(map(len, column)) - begin)
        own = tuple([piece[begin : len(piece) - end] for piece in column])
        tag = tags.setdefault(own, f"-{word}{len(tags)}-")
        pieces.append(f"{first[:begin]}{tag}{first[len(first) - end :]}")
    return separator.join(pieces)


def _common_length(one: str, other: str) -> int:
    """How many characters two texts begin alike; of the first and the last in order, so do all between."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
