"""A message as it went out: rendered again from what was kept, to show it, or to ask the provider about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.content.faults import TemplateFault
from app.messages.compose import Envelope, Language, compiled, compose
from app.messages.models import MessageContent

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.channels.base import Outbound
    from config import Settings


@dataclass(frozen=True, slots=True)
class Stored:
    """What was kept of a message."""

    outbound: Outbound
    links: tuple[str, ...]
    context: dict[str, Any]


def stored(session: Session, settings: Settings, message_id: int) -> Stored | None:
    """The message with its last attempt's reference; None when it was never rendered, or its person is gone."""
    shop_id = session.info["shop_id"]
    content = session.get(MessageContent, (shop_id, message_id))
    row = session.execute(
        text("""
            SELECT m.channel, m.purpose, m.attempt_id, t.source, c.email, c.phone, c.first_name, c.last_name
            FROM message m
            JOIN template t ON t.shop_id = m.shop_id AND t.id = m.template_id
            JOIN customer c ON c.shop_id = m.shop_id AND c.id = m.customer_id
            WHERE m.shop_id = :shop AND m.id = :id
        """),
        {"shop": shop_id, "id": message_id},
    ).first()
    if content is None or row is None:
        return None
    envelope = Envelope(
        shop_id,
        message_id,
        row.attempt_id or 0,
        row.channel,
        row.purpose,
        (row.email if row.channel == "email" else row.phone) or "",
        f"{row.first_name} {row.last_name}".strip(),
        "",
        "",
        None,
        settings.public_url,
    )
    language = Language(*content.context["language"])
    template = compiled(row.channel, row.source, language.words)
    composed = compose(envelope, template, content.context["data"], language)
    if isinstance(composed, TemplateFault):
        return None
    return Stored(composed.outbound, tuple(content.links), content.context["data"])
