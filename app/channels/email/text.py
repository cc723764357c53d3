"""Text that becomes part of a header."""

from __future__ import annotations

import re

_BREAKS = re.compile("[\\s\\x00-\\x1f\\x7f-\\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
"""White space, controls, and marks that reverse what a reader sees. Joiners stay: emoji are made with them."""
_NAME = re.compile(r"[A-Za-z0-9-]{1,76}")
_ADDRESS = re.compile(r"[^\s\x00-\x1f\x7f<>()\[\],;:\"@]{1,64}@[^\s\x00-\x1f\x7f<>()\[\],;:\"@]{1,255}")
LONGEST_NAME = 255
LONGEST_SUBJECT = 900
RESERVED = frozenset(
    {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding", "to", "from"}
    | {"subject", "reply-to", "cc", "bcc", "sender", "date", "message-id", "mime-version", "return-path"}
)


def one_line(text: str, longest: int = LONGEST_NAME) -> str:
    """The text on one line, at most `longest` characters: nothing in it can begin another header."""
    return _BREAKS.sub(" ", text).strip()[:longest].rstrip()


def is_address(text: str) -> bool:
    """Whether the text is one bare email address (its existence is the provider's business)."""
    return _ADDRESS.fullmatch(text) is not None


def extra_header(name: str, value: str) -> tuple[str, str] | None:
    """A header as it may be added to a message, or None when the name is malformed or not ours to set."""
    if not _NAME.fullmatch(name) or name.lower() in RESERVED:
        return None
    return name, one_line(value, LONGEST_SUBJECT)
