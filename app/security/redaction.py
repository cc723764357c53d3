"""The net under the rule that logs carry ids only: whatever looks like an address, a number or a secret is masked."""

from __future__ import annotations

import json
import logging
import re
import traceback
from typing import Any

from app import clock

PATTERNS = (
    (re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9.-]{1,255}\.[A-Za-z]{2,24}"), "[email]"),
    (re.compile(r"\+[0-9][0-9 ().-]{7,18}[0-9]"), "[phone]"),
    (re.compile(r"\b(shp(?:at|rt|ca|ss)_|SG\.)[A-Za-z0-9_.-]{8,}"), "[secret]"),
    (re.compile(r"\brgl_[0-9]+_[A-Za-z0-9_-]{20,}|\bwhsec_[A-Za-z0-9+/=]{20,}"), "[secret]"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), "[token]"),
    (re.compile(r"(?<=/)(u|p|c|r|o|review|confirm)/[A-Za-z0-9_-]{20,}"), r"\1/[token]"),
)
STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "taskName"}


def redact(text: str) -> str:
    """Mask everything that could name a person or open a door."""
    for pattern, mask in PATTERNS:
        text = pattern.sub(mask, text)
    return text


class JsonLines(logging.Formatter):
    """One JSON object a line, redacted; a newline in a value can't begin another line."""

    def format(self, record: logging.LogRecord) -> str:
        """Render a record. An exception is given by its type and place, never by its values."""
        line: dict[str, Any] = {
            "at": clock.real_now().isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": redact(record.getMessage()),
        }
        for key, value in record.__dict__.items():
            if key not in STANDARD:
                line[key] = redact(value) if isinstance(value, str) else value
        if record.exc_info and record.exc_info[0]:
            line["exception"] = record.exc_info[0].__name__
            line["where"] = _places(traceback.extract_tb(record.exc_info[2]))
        return json.dumps(line, default=str)


def _places(frames: traceback.StackSummary) -> list[str]:
    """The way through our own code, and where it ended: libraries' frames in between would push ours out."""
    own = [frame for frame in frames[:-1] if "site-packages" not in frame.filename]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in (*own[-8:], *frames[-1:])]


def configure_logging(level: str) -> None:
    """Send everything through the redacting formatter.

    What libraries tell of their own works below a warning are rows, requests and jobs: no level of ours asks for that.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(
        level=max(logging.WARNING, logging.getLevelNamesMapping()[level]), handlers=[handler], force=True
    )
    for ours in ("app", "workers", "__main__"):
        logging.getLogger(ours).setLevel(level)
