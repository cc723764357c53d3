"""Connections: filtered, sorted, cut into pages by a key, so that paging survives changes under it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from simulator.shopify.executor import Refused
from simulator.shopify.search import Getter, matches, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_PAGE = 250


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, and whether there is more."""

    nodes: list[Any]
    cursors: list[str]
    has_next: bool
    has_previous: bool

    @property
    def edges(self) -> list[dict[str, Any]]:
        """Nodes with their cursors."""
        return [{"cursor": cursor, "node": node} for cursor, node in zip(self.cursors, self.nodes, strict=True)]

    @property
    def page_info(self) -> dict[str, Any]:
        """Where this page begins and ends."""
        return {
            "hasNextPage": self.has_next,
            "hasPreviousPage": self.has_previous,
            "startCursor": self.cursors[0] if self.cursors else None,
            "endCursor": self.cursors[-1] if self.cursors else None,
        }


@dataclass(frozen=True, slots=True)
class Listing:
    """How one kind of thing is searched and sorted."""

    search: Mapping[str, Getter]
    sort: Mapping[str, Getter]

    def select(self, items: Iterable[Any], arguments: Mapping[str, Any]) -> list[Any]:
        """Everything that meets the query, in order."""
        query = parse(arguments.get("query"))
        key = self._key(arguments)
        found = [item for item in items if matches(query, item, self.search)]
        return sorted(found, key=key, reverse=bool(arguments.get("reverse")))

    def page(self, items: Iterable[Any], arguments: Mapping[str, Any]) -> Page:
        """The page that `first/after` or `last/before` ask for.

        Raises:
            Refused: when neither `first` nor `last` is there, or a page is too large.
        """
        first, last = arguments.get("first"), arguments.get("last")
        if first is None and last is None:
            raise Refused([{"message": "you must provide one of first or last", "extensions": {"code": "BAD_REQUEST"}}])
        size = int(first if first is not None else last or 0)
        if not 0 < size <= MAX_PAGE:
            raise Refused(
                [{"message": f"first must be between 1 and {MAX_PAGE}", "extensions": {"code": "BAD_REQUEST"}}]
            )
        key, downwards = self._key(arguments), bool(arguments.get("reverse"))
        found = self.select(items, arguments)
        after, before = arguments.get("after"), arguments.get("before")
        inside = [
            item
            for item in found
            if (
                (after is None or _beyond(key(item), _opened(after), downwards=downwards))
                and (before is None or _beyond(_opened(before), key(item), downwards=downwards))
            )
        ]
        nodes = inside[:size] if first is not None else inside[-size:]
        cut = len(inside) > len(nodes)
        return Page(
            nodes,
            [_sealed(key(node)) for node in nodes],
            has_next=cut if first is not None else before is not None,
            has_previous=after is not None if first is not None else cut,
        )

    def _key(self, arguments: Mapping[str, Any]) -> Getter:
        by = self.sort.get(arguments.get("sortKey") or "ID")
        if by is None:
            return lambda item: (0.0, item.id)
        return lambda item: (_number(by(item)), item.id)


def _number(value: Any) -> Any:
    return value.timestamp() if isinstance(value, datetime) else value


def _beyond(one: Any, other: Any, *, downwards: bool) -> bool:
    return bool(one < other if downwards else one > other)


def _sealed(key: tuple[Any, int]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(list(key))).decode()


def _opened(cursor: str) -> tuple[Any, int]:
    try:
        by, number = orjson.loads(base64.urlsafe_b64decode(cursor))
    except ValueError as error:
        raise Refused([{"message": f"Invalid cursor for current pagination sort.: {cursor}"}]) from error
    return by, number
