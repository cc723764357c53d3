"""Every payload collected from real stores and from Shopify's reference becomes facts, or says why not."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from app.platforms.base import Ignored, Unreadable
from app.platforms.shopify.normalise import READERS, normalise

FOLDER = Path(__file__).parents[3] / "shared" / "payloads"
FILES = sorted(FOLDER.glob("*/*.json")) if FOLDER.exists() else []

pytestmark = pytest.mark.skipif(not FILES, reason="the collected payloads are not on this machine")


def topic_of(path: Path) -> str:
    return path.parent.name.replace("__", "/")


def values(thing: Any) -> list[Any]:
    """Everything a fact holds, at any depth."""
    if is_dataclass(thing):
        return [each for one in fields(thing) for each in values(getattr(thing, one.name))]
    if isinstance(thing, tuple):
        return [each for one in thing for each in values(one)]
    return [thing]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_it_becomes_facts_or_a_reason(path: Path, now: datetime) -> None:
    found = normalise(topic_of(path), path.read_bytes(), now, now)
    if isinstance(found, Unreadable):
        # Some captures were anonymised with the words "example string" in place of amounts and states.
        assert "example string" in path.read_text() or topic_of(path) == "checkouts/delete", found.reason
        assert ":" in found.reason
    elif isinstance(found, Ignored):
        assert found.reason
    else:
        assert found
        for value in values(found):
            assert not isinstance(value, datetime) or value.utcoffset() is not None
            assert not isinstance(value, str) or "\x00" not in value


def test_a_topic_we_use_is_rarely_unreadable_and_others_are_ignored(now: datetime) -> None:
    kinds: Counter[str] = Counter()
    for path in FILES:
        found = normalise(topic_of(path), path.read_bytes(), now, now)
        kinds[type(found).__name__] += 1
        assert (found == Ignored("unused_topic")) == (topic_of(path) not in READERS)
    assert kinds["tuple"] > 2 * kinds["Unreadable"]


@pytest.mark.parametrize(
    "path", [path for path in FILES if topic_of(path) == "orders/create"], ids=lambda path: path.stem
)
def test_an_order_keeps_its_exact_id_and_total(path: Path, now: datetime) -> None:
    data = json.loads(path.read_bytes())
    found = normalise("orders/create", path.read_bytes(), now, now)
    assert isinstance(found, tuple)
    order: Any = found[0]
    assert order.order_id == str(data["id"])
    amount = data.get("current_total_price") or data["total_price"]
    assert order.total == round(float(amount) * 100)
