"""Small resolvers that every kind of thing needs: ids, times, attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.clock import iso
from simulator.ids import gid

if TYPE_CHECKING:
    from datetime import datetime

    from simulator.shopify.executor import Resolver
    from simulator.store import models


def time_of(name: str) -> Resolver:
    """The attribute of this name as a time."""
    return lambda thing, _a, _c: iso_or_none(getattr(thing, name))


def iso_or_none(moment: datetime | None) -> str | None:
    """A time in the API's words, if there is one."""
    return iso(moment) if moment else None


def gid_of_kind(kind: str) -> Resolver:
    """The thing's id as a global id of this kind."""
    return lambda thing, _a, _c: gid(kind, thing.id)


def constant(value: Any) -> Resolver:
    """Always the same."""
    return lambda _t, _a, _c: value


def legacy_id(thing: Any, _a: Any, _c: Any) -> str:
    """The plain number, as text."""
    return str(thing.id)


def attribute(name: str) -> Resolver:
    """The attribute of this name as it is."""
    return lambda thing, _a, _c: getattr(thing, name)


def times(*names: str) -> dict[str, Resolver]:
    """`created_at` answers `createdAt`."""
    return {name.split("_")[0] + "".join(word.title() for word in name.split("_")[1:]): time_of(name) for name in names}


def opt_in_level(consent: models.Consent, _a: Any, _c: Any) -> str | None:
    """How somebody agreed, if they did."""
    return consent.opt_in_level.upper() if consent.opt_in_level else None


YES = constant(value=True)
NO = constant(value=False)
