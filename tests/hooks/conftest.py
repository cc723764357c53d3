"""Another system that is told what happens, over real HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from app.hooks import rules, service as hooks
from app.hooks.models import Hook
from app.security import outbound
from app.transaction import transaction
from tests.core.conftest import world  # noqa: F401 a fixture
from tests.listening import Listener, listening

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass
class Receiver:
    """Takes what it is told, and answers as it was told to."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    """What to answer next; 204 when empty."""
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.heard]

    def believes(self, secret: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether one of the signatures is by this secret."""
        mine = rules.signatures([secret], headers["webhook-id"], int(headers["webhook-timestamp"]), body)
        return mine in headers["webhook-signature"].split(" ")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Endpoint(Listener):
        def posted(self) -> None:
            made.heard.append(({name.lower(): value for name, value in self.headers.items()}, self.heard()))
            self.answer(made.answers.pop(0) if made.answers else 204)

    with listening(Endpoint) as address:
        made.url = f"{address}/hook?from=regulars"
        outbound.allow(["127.0.0.0/8"])
        yield made
        outbound.allow([])


def subscribe(shop_id: int, url: str, *kinds: str) -> Hook:
    with transaction(shop_id) as session:
        made = hooks.make(session, url, kinds or rules.KINDS, "user:42")
        assert isinstance(made, Hook)
        return made


def stored(shop_id: int, table: str) -> list[Any]:
    with transaction(shop_id) as session:
        return list(session.execute(text(f"SELECT * FROM {table} ORDER BY id")))  # noqa: S608 one of ours
