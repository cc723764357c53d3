"""What a merchant's MJML may hold. Said about their own text and their own lines, before anything is compiled."""

from __future__ import annotations

import html
import re
from typing import Final

from app.content.faults import Stop
from app.content.markup import URL_ATTRIBUTES, Aside, Attribute, Closing, Opening, read

_MJML: Final = frozenset(
    [
        "mjml",
        "mj-head",
        "mj-body",
        "mj-title",
        "mj-preview",
        "mj-attributes",
        "mj-all",
        "mj-class",
        "mj-style",
        "mj-breakpoint",
        "mj-font",
        "mj-wrapper",
        "mj-section",
        "mj-group",
        "mj-column",
        "mj-text",
        "mj-button",
        "mj-image",
        "mj-divider",
        "mj-spacer",
        "mj-table",
        "mj-raw",
        "mj-hero",
        "mj-social",
        "mj-social-element",
        "mj-navbar",
        "mj-navbar-link",
        "mj-include",
    ]
)
_BANNED: Final = frozenset(
    [
        "script",
        "iframe",
        "object",
        "embed",
        "form",
        "input",
        "button",
        "select",
        "textarea",
        "base",
        "link",
        "meta",
        "svg",
        "math",
        "applet",
        "frame",
        "frameset",
        "audio",
        "video",
        "source",
        "track",
        "template",
        "noscript",
        "xml",
        "marquee",
        "title",
        "html",
        "head",
        "body",
    ]
)
_VOID: Final = frozenset(["area", "br", "col", "hr", "img", "wbr"])
_BAD_STYLE: Final = re.compile(
    r"expression\s*\(|javascript:|vbscript:|@import|behavior\s*:|-moz-binding", re.IGNORECASE
)
_GOOD_URL: Final = re.compile(r"\s*(?:https?://|mailto:|tel:|#|\Z)", re.IGNORECASE)
_STRANGE: Final = re.compile(r"[\s\x00-\x1f]")


def check(text: str, marks: re.Pattern[str]) -> None:
    """Check MJML in which Liquid is replaced by marks. Raises `Stop` at the first fault, with its offset in `text`."""
    stack: list[Opening] = []
    for part in read(text):
        if isinstance(part, Opening):
            _check_opening(part, marks)
            if not part.closed and part.name not in _VOID:
                stack.append(part)
        elif isinstance(part, Closing):
            _check_closing(part, stack)
        elif isinstance(part, Aside):
            _check_aside(text[part.start : part.end], part.start, marks)
        elif part.style and (found := _BAD_STYLE.search(text, part.start, part.end)):
            raise Stop(f"A style may not hold '{found.group()}'.", found.start())
        elif not part.style and (at := text.find("<", part.start, part.end)) >= 0:
            raise Stop("This '<' begins nothing; write &lt; for the sign itself.", at)
    if stack:
        raise Stop(f"<{stack[-1].name}> is never closed.", stack[-1].start)
    if not re.match(r"\s*<mjml[\s>]", text):
        raise Stop("A message begins with <mjml>.", 0)


def _check_opening(part: Opening, marks: re.Pattern[str]) -> None:
    if part.name.startswith("mj") and part.name not in _MJML:
        raise Stop(f"There is no element called <{part.name}>.", part.start)
    if part.name == "mj-include":
        raise Stop("There is no part of this name to include.", part.start)
    if part.name in _BANNED:
        raise Stop(f"<{part.name}> is not allowed in a message.", part.start)
    if marks.search(part.name):
        raise Stop("Liquid cannot make the name of an element.", part.start)
    for attribute in part.attributes:
        _check_attribute(attribute, marks)


def _check_attribute(attribute: Attribute, marks: re.Pattern[str]) -> None:
    name, value = attribute.name, attribute.value
    holds_liquid = marks.search(value) is not None
    if marks.search(name):
        raise Stop("Liquid can stand in the value of an attribute, not in place of one.", attribute.start - len(name))
    if holds_liquid and not attribute.quoted:
        raise Stop(f"Put the value of {name} in quotes.", attribute.start)
    if name.startswith("on") or name in ("srcdoc", "formaction", "srcset"):
        raise Stop(f"The attribute {name} is not allowed in a message.", attribute.start)
    if name == "background-url" and holds_liquid:
        raise Stop("background-url cannot hold Liquid; use an image element.", attribute.start)
    if name == "style" and (found := _BAD_STYLE.search(html.unescape(value))):
        raise Stop(f"A style may not hold '{found.group()}'.", attribute.start)
    if name in URL_ATTRIBUTES and not holds_liquid and not _GOOD_URL.match(_STRANGE.sub("", html.unescape(value))):
        raise Stop("A link begins with https://, http://, mailto: or tel:.", attribute.start)


def _check_closing(part: Closing, stack: list[Opening]) -> None:
    if part.name in _VOID:
        return
    if not stack:
        raise Stop(f"</{part.name}> closes nothing.", part.start)
    opened = stack.pop()
    if opened.name != part.name:
        raise Stop(f"<{opened.name}> is never closed; </{part.name}> comes first.", opened.start)


def _check_aside(value: str, start: int, marks: re.Pattern[str]) -> None:
    if marks.search(value):
        raise Stop("Liquid inside <!-- --> would still run; use {% comment %} instead.", start)
    if not value.startswith("<!--") and not value.startswith("<![endif]"):
        raise Stop("Only comments may begin with <! in a message.", start)
