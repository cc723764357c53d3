"""A journey as a file: its definition and its texts in one JSON document, read back with a sentence for each flaw."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from app.content.faults import TemplateFault
from app.journeys.definition import Definition, Flaw, walk
from app.journeys.editing import check, data_of
from app.messages.compose import compiled

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT: Final = 1
LARGEST: Final = 512 * 1024
"""Bytes. The largest starter, with all its texts, takes some 20,000."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a file holds: the definition, and template name -> (channel, source)."""

    definition: dict[str, Any]
    texts: dict[str, tuple[str, str]]


def write(definition: Definition, texts: Mapping[str, tuple[str, str]]) -> bytes:
    """The file. `texts`: template name -> (channel, source)."""
    used = {name: {"channel": channel, "source": texts[name][1]} for name, channel in definition.templates.items()}
    document = {"regulars_journey": FORMAT, "definition": data_of(definition), "texts": used}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read(content: bytes) -> Read | list[Flaw]:
    """What somebody gave us, checked down to the last text."""
    if len(content) > LARGEST:
        return [Flaw("file", f"The file is too large: {LARGEST // 1024} kB are the most.")]
    try:
        document = orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        return [Flaw("file", f"This isn't a journey's file: line {error.lineno} can't be read.")]
    if not isinstance(document, dict) or "regulars_journey" not in document:
        return [Flaw("file", "This isn't a journey's file: export one to see what it looks like.")]
    if document["regulars_journey"] != FORMAT:
        return [Flaw("regulars_journey", "This file was made by a newer release.")]
    texts, flaws = _texts(document.get("texts"))
    definition: Any = document.get("definition")
    checked = check(definition, texts)
    if isinstance(checked, list):
        flaws += [Flaw(f"definition.{flaw.where}", flaw.message) for flaw in checked]
    else:
        flaws += [
            Flaw(f"texts.{name}.channel", f"The step “{step.id}” sends it by {channel}.")
            for step in walk(checked.steps)
            if step.send
            for channel, name in step.send.templates.items()
            if name in texts and texts[name][0] != channel
        ]
    return flaws or Read(definition, texts)


def _texts(given: Any) -> tuple[dict[str, tuple[str, str]], list[Flaw]]:
    if not isinstance(given, dict):
        return {}, [Flaw("texts", "This is missing.")]
    found: dict[str, tuple[str, str]] = {}
    flaws = []
    for name, text in given.items():
        where = f"texts.{name[:60]}"
        channel, source = (text.get("channel"), text.get("source")) if isinstance(text, dict) else (None, None)
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,59}", name):
            flaws.append(Flaw(where, "Use small letters, digits and _, beginning with a letter."))
        elif channel not in ("email", "sms") or not isinstance(source, str):
            flaws.append(Flaw(where, "A text has a channel (email or sms) and a source."))
        else:
            found[name] = (channel, source)
            fault = compiled(channel, source)
            if isinstance(fault, TemplateFault):
                flaws.append(Flaw(where, f"Line {fault.line}: {fault.message}"))
    return found, flaws
