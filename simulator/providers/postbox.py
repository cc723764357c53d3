"""Every message the providers accepted, as the shopper will see it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

KEPT = 5000


@dataclass(slots=True)
class Message:
    """One accepted message."""

    number: int
    channel: str
    provider_id: str
    message_id: str
    """The app's own id, as it travelled with the message."""
    to: str
    sender: str
    at: datetime
    subject: str = ""
    text: str = ""
    html: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    args: dict[str, Any] = field(default_factory=dict)
    segments: int = 0
    status: str = "accepted"
    opened: bool = False
    clicked: bool = False
    inbound: bool = False
    tracks_opens: bool = False
    tracks_clicks: bool = False


class Postbox:
    """The latest messages, and who wants to know of new ones."""

    def __init__(self, *, keep: int = KEPT) -> None:
        self.messages: deque[Message] = deque(maxlen=keep)
        self.listeners: list[Callable[[Message], None]] = []

    def put(self, message: Message) -> None:
        """A message has arrived."""
        self.messages.append(message)
        for listener in self.listeners:
            listener(message)

    def find(self, number: int) -> Message | None:
        """The message with this number, if it is still kept."""
        return next((message for message in reversed(self.messages) if message.number == number), None)
