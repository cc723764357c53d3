"""The sentences that people agree to, channel by channel. A new one is added, and no old one is ever changed.

The ledger has a sentence's label beside each word that was said to it; the label leads to the sentence for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from app import clock
from app.customers.models import ConsentWording
from app.shops import service as shops

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

STANDARD: Final[Mapping[str, tuple[str, ...]]] = {
    "email": ("News, offers and reminders by email. You can unsubscribe at any time.",),
    "sms": ("Cart reminders, news and offers by text. Msg frequency varies, msg & data rates may apply.",),
}
"""What is shown until the merchant writes a sentence of their own. A new one is put behind the old ones: those were
agreed to."""
LONGEST: Final = 300


@dataclass(frozen=True, slots=True)
class Wording:
    """A sentence and the name the ledger knows it by."""

    label: str
    words: str
    since: datetime | None = None
    """None: as it comes."""


def all_of(session: Session) -> dict[str, list[Wording]]:
    """Channel -> every sentence that people could have agreed to, the oldest first; the last one is shown now."""
    found = {
        channel: [Wording(f"{channel}-standard-{number}", words) for number, words in enumerate(sentences, 1)]
        for channel, sentences in STANDARD.items()
    }
    own = session.scalars(
        select(ConsentWording)
        .where(ConsentWording.shop_id == session.info["shop_id"])
        .order_by(ConsentWording.channel, ConsentWording.version)
    )
    for row in own:
        found[row.channel].append(Wording(f"{row.channel}-{row.version}", row.sentence, row.created_at))
    return found


def present(session: Session) -> dict[str, Wording]:
    """Channel -> the sentence that is shown now."""
    return {channel: sentences[-1] for channel, sentences in all_of(session).items()}


def replace(session: Session, wanted: Mapping[str, str], actor: str) -> dict[str, Wording]:
    """Show other sentences from now on (an empty one: the standard one again); returns those that are new."""
    session.refresh(shops.get(session), with_for_update=True)  # two at once follow one another
    before, now = all_of(session), clock.now()
    made = {}
    for channel, typed in wanted.items():
        words = typed or STANDARD[channel][-1]
        if words == before[channel][-1].words:
            continue
        version = len(before[channel]) - len(STANDARD[channel]) + 1
        session.add(
            ConsentWording(
                shop_id=session.info["shop_id"],
                channel=channel,
                version=version,
                sentence=words,
                created_by=actor,
                created_at=now,
            )
        )
        made[channel] = Wording(f"{channel}-{version}", words, now)
    session.flush()
    return made


def shown_as(session: Session, channel: str, label: str) -> str:
    """The label that a form says it has shown, when there is such a sentence; else nothing."""
    return label if any(w.label == label for w in all_of(session)[channel]) else ""
