"""What mails to many people have in common, and what is each one's own: for providers that fill in the rest. Pure.

Every mail is rendered for its reader. Mails of one template differ in a few places: a sample of them shows where, and
what stands between those places is kept once. A mail fits when it is these fixed stretches in their order with anything
in between; what is in between is its own, and travels as the values of tags. Putting the values in gives each mail
back, character by character, in whatever order a provider puts them in: a tag holds a word that stands in none of the
mails, so nothing else can be taken for a tag.
"""

from __future__ import annotations

import secrets
import string
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.channels.base import OutboundEmail

LETTERS = string.ascii_letters + string.digits
WORD_LENGTH = 12
SAMPLE = 16
"""Mails that are compared piece by piece. Cutting up every mail instead costs ten times as much: it copies them all."""
ROUNDS = 8
"""Mails that don't fit what the sample had in common are tried again among themselves, so many times."""
HTML_MARK, TEXT_MARK = ">", "\n"
ANCHOR = 32
"""Characters by which the next fixed stretch is looked for."""
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
    of_sender: dict[tuple[str, str, str | None], dict[str, int]] = defaultdict(dict)
    for place, mail in enumerate(mails):
        if not _holds(mail, word):
            of_sender[mail.sender, mail.sender_name, mail.reply_to].setdefault(mail.to.lower(), place)
    return [shared for places in of_sender.values() for shared in _of_one_sender(mails, list(places.values()), word)]


def _word() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(WORD_LENGTH))


def _holds(mail: OutboundEmail, word: str) -> bool:
    return any(word in text for text in (mail.html, mail.text, mail.subject, *mail.headers.values()))


def _of_one_sender(mails: Sequence[OutboundEmail], places: list[int], word: str) -> list[Shared]:
    found: list[Shared] = []
    for _ in range(ROUNDS):
        if len(places) < 2:  # noqa: PLR2004 two can share
            break
        sample = _sample([mails[n] for n in places])
        html = _fixed([mail.html for mail in sample], HTML_MARK)
        text = _fixed([mail.text for mail in sample], TEXT_MARK)
        tags = [f"-{word}{n}-" for n in range(len(html) + len(text) - 2)]
        fitting: dict[int, dict[str, str]] = {}
        others: list[int] = []
        for place in places:
            in_html, in_text = _between(mails[place].html, html), _between(mails[place].text, text)
            if in_html is None or in_text is None:
                others.append(place)
                continue
            own = dict(zip(tags, in_html + in_text, strict=True))
            if _bytes(own) <= MOST_VALUE_BYTES:
                fitting[place] = own
        if len(fitting) > 1:
            shared_html, shared_text = _filled(html, tags), _filled(text, tags[len(html) - 1 :])
            found.append(Shared(tuple(fitting), shared_html, shared_text, tuple(fitting.values())))
        places = others
    return found


def _sample(mails: Sequence[OutboundEmail]) -> list[OutboundEmail]:
    """Some mails of the shape of the first, from all over."""
    some = mails[:: max(1, len(mails) // SAMPLE)]
    return [mail for mail in some if _shape(mail) == _shape(mails[0])]


def _shape(mail: OutboundEmail) -> tuple[int, int]:
    return mail.html.count(HTML_MARK), mail.text.count(TEXT_MARK)


def _fixed(texts: Sequence[str], mark: str) -> list[str]:
    """The stretches that all these texts have, in their order; between two of them each text has its own."""
    stretches = [""]
    for number, column in enumerate(zip(*[text.split(mark) for text in texts], strict=True)):
        first = column[0]
        stretches[-1] += mark if number else ""
        if column.count(first) == len(column):
            stretches[-1] += first
            continue
        begin = _common_length(min(column), max(column))
        backwards = [piece[::-1] for piece in column]
        end = min(_common_length(min(backwards), max(backwards)), min(map(len, column)) - begin)
        stretches[-1] += first[:begin]
        stretches.append(first[len(first) - end :])
    return stretches


def _common_length(one: str, other: str) -> int:
    """How many characters two texts begin alike; of the first and the last in order, so do all between."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _between(text: str, stretches: Sequence[str]) -> list[str] | None:
    """What a text has between the fixed stretches; None when it hasn't got them in their order.

    Where a stretch could begin in several places the first is taken: whatever is found, put together it is the text.
    """
    if len(stretches) == 1:
        return [] if text == stretches[0] else None
    position, found = len(stretches[0]), []
    if not text.startswith(stretches[0]):
        return None
    for stretch in stretches[1:-1]:
        at = text.find(stretch[:ANCHOR], position)
        while at >= 0 and not text.startswith(stretch, at):
            at = text.find(stretch[:ANCHOR], at + 1)
        if at < 0:
            return None
        found.append(text[position:at])
        position = at + len(stretch)
    last = len(text) - len(stretches[-1])
    if last < position or not text.endswith(stretches[-1]):
        return None
    return [*found, text[position:last]]


def _bytes(values: Mapping[str, str]) -> int:
    """As they are written in JSON, nearly: quotes, colon and comma are six."""
    return sum(len(tag) + len(value.encode("utf-8", "surrogatepass")) + 6 for tag, value in values.items())


def _filled(stretches: Sequence[str], tags: Sequence[str]) -> str:
    return stretches[0] + "".join(tag + stretch for tag, stretch in zip(tags, stretches[1:], strict=False))
