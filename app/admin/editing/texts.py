"""The texts a message can have: those of this journey, those of others, and plain ones to begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.admin.queries import editing as queries
from app.admin.words import _, spelled
from app.journeys import service as journeys

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.journeys.drafting import State

NEW: Final = "+new"
OTHER: Final = "+id:"
PLAIN: Final = {
    "email": """<mjml lang="en" dir="ltr">
  <mj-head>
    <mj-title>A few words from {{ shop.name }}</mj-title>
    <mj-preview>It only takes a minute.</mj-preview>
    <mj-include path="head"/>
  </mj-head>
  <mj-body width="600px" background-color="{{ brand.background }}" css-class="page">
    <mj-include path="header"/>
    <mj-section>
      <mj-column>
        <mj-text mj-class="title">Good to have you here</mj-text>
        <mj-text mj-class="lead">Hi {{ customer.first_name | default: "there" }}, this is where your words go.</mj-text>
        <mj-button href="{{ shop.url }}">Visit the store</mj-button>
      </mj-column>
    </mj-section>
    <mj-include path="footer"/>
  </mj-body>
</mjml>
""",
    "sms": "{{ shop.name }}: this is where your words go. {{ shop.url }} Reply STOP to opt out\n",
}


def choices(
    session: Session, shop_id: int, key: str, state: State
) -> dict[str, list[tuple[str, list[tuple[str, str]]]]]:
    """Channel -> groups of (value, words) for a select."""
    channel_of = queries.channels(session, shop_id, state.templates.values())
    found: dict[str, list[tuple[str, list[tuple[str, str]]]]] = {}
    for channel in PLAIN:
        own = [(n, spelled(n)) for n, id_ in sorted(state.templates.items()) if channel_of.get(id_) == channel]
        groups = [(_("This journey"), own)] if own else []
        others: dict[str, list[tuple[str, str]]] = {}
        for row in queries.texts(session, shop_id):
            if row.channel == channel and row.key != key:
                others.setdefault(row.journey, []).append((f"{OTHER}{row.id}", spelled(row.name)))
        groups += [(_("A copy from “{journey}”", journey=name), some) for name, some in others.items()]
        found[channel] = [*groups, (_("New"), [(NEW, _("A plain text to begin with"))])]
    return found


def settle(session: Session, shop_id: int, chosen: dict[str, str], state: State, base: str) -> dict[str, int]:
    """Turn chosen texts into names of this journey's; returns the texts that come along. `chosen` is changed."""
    brought: dict[str, int] = {}
    for channel, value in chosen.items():
        id_ = None
        if value == NEW:
            id_ = journeys.keep_text(session, channel, PLAIN[channel])
        elif value.startswith(OTHER) and value.removeprefix(OTHER).isdecimal():
            wanted = int(value.removeprefix(OTHER)[:18])
            id_ = wanted if queries.channels(session, shop_id, [wanted]).get(wanted) == channel else None
        elif value in state.templates:
            known = queries.channels(session, shop_id, [state.templates[value]])
            chosen[channel] = value if known.get(state.templates[value]) == channel else ""
            continue
        chosen[channel] = fresh(f"{base}_{channel}", {*state.templates, *brought}) if id_ is not None else ""
        if id_ is not None:
            brought[chosen[channel]] = id_
    return brought


def fresh(base: str, taken: set[str]) -> str:
    """A name nobody has."""
    number = 1
    while (name := base[:55] if number == 1 else f"{base[:55]}_{number}") in taken:
        number += 1
    return name
