"""What the tests of templates share: the corpora, and a message around whatever is tried."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.content.email import CompiledEmail, RenderedEmail, compile_email
from app.content.faults import TemplateFault

if TYPE_CHECKING:
    from collections.abc import Mapping

CORPUS = Path(__file__).parent / "corpus"
LIBRARY = Path(__file__).resolve().parents[2] / "app/journeys/library"
WORDS = ("en-US", "USD", "America/New_York")


def lines(name: str) -> list[str]:
    return [line for line in (CORPUS / f"{name}.txt").read_text("utf-8").split("\n") if line]


def message(body: str = "", title: str = "Hello", head: str = "") -> str:
    return (
        f"<mjml><mj-head><mj-title>{title}</mj-title>{head}</mj-head><mj-body><mj-section><mj-column>"
        f"<mj-text>{body}</mj-text></mj-column></mj-section></mj-body></mjml>"
    )


def compiled(mjml: str) -> CompiledEmail:
    found = compile_email(mjml)
    assert isinstance(found, CompiledEmail), found
    return found


def rendered(mjml: str, context: Mapping[str, object] | None = None) -> RenderedEmail:
    found = compiled(mjml).render(context or {}, *WORDS)
    assert isinstance(found, RenderedEmail), found
    return found


def fault(mjml: str, context: Mapping[str, object] | None = None) -> TemplateFault:
    found = compile_email(mjml)
    if isinstance(found, CompiledEmail):
        tried = found.render(context or {}, *WORDS)
        assert isinstance(tried, TemplateFault), tried
        return tried
    return found
