"""The past is made from a seed: the same one for the same seed, and one that an app can learn from."""

from __future__ import annotations

import hashlib
import pickle
import statistics
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from simulator import snapshot
from simulator.shopify import order_payloads
from simulator.shopify.payloads import Stationery
from simulator.store.history import World, build_world
from simulator.store.pictures import draw
from simulator.store.state import ShopIdentity
from simulator.world import build_simulation
from tests.simulator.town import settings_for

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def fingerprint(world: World) -> str:
    paper = Stationery(ShopIdentity(), "http://127.0.0.1/x")
    said = [repr(order_payloads.order(order, paper)) for order in world.store.orders.values()]
    return hashlib.sha256("".join(said).encode()).hexdigest()


def test_the_same_seed_makes_the_same_past_and_another_does_not() -> None:
    first, again, other = (build_world(ShopIdentity(), seed, NOW, customers=200) for seed in (7, 7, 8))
    assert fingerprint(first) == fingerprint(again) != fingerprint(other)


def test_people_agree_in_the_shares_the_model_says() -> None:
    people = build_world(ShopIdentity(), 7, NOW).store.customers.values()
    email = sum(who.email_consent.given for who in people) / len(people)
    sms = sum(who.sms_consent.given for who in people) / len(people)
    assert 0.55 < email < 0.65
    assert 0.22 < sms < 0.35
    assert all(who.phone for who in people if who.sms_consent.given)
    phones = [who.phone for who in people if who.phone]
    assert len(phones) == len(set(phones))


def test_gaps_between_purchases_can_be_learned() -> None:
    world = build_world(ShopIdentity(), 7, NOW)
    gaps: dict[int, list[float]] = defaultdict(list)
    last: dict[tuple[int, int], tuple[datetime, int]] = {}
    for order in world.store.orders.values():
        for line in order.lines:
            key = (order.customer.id if order.customer else 0, line.variant.id)
            if key[0] and key in last and last[key][1] == 1:
                gaps[line.variant.id].append((order.created_at - last[key][0]) / timedelta(days=1))
            last[key] = (order.created_at, line.quantity)
    learned = {number: statistics.median(found) for number, found in gaps.items() if len(found) >= 20}
    assert len(learned) >= 15
    for number, days in learned.items():
        lasts = world.store.variants[number].lasts_days
        assert lasts is not None
        assert 0.8 * lasts < days < 1.25 * lasts


def test_nothing_in_the_past_lies_in_the_future() -> None:
    for order in build_world(ShopIdentity(), 7, NOW, customers=400).store.orders.values():
        moments = [order.created_at, order.updated_at, *(back.created_at for back in order.refunds)]
        moments += [event.happened_at for parcel in order.fulfilments for event in parcel.events]
        assert max(moments) <= NOW


def test_every_shape_can_be_drawn() -> None:
    for product in build_world(ShopIdentity(), 7, NOW, customers=1).store.products.values():
        picture = draw(product.shape, product.palette)
        assert picture.startswith(b"\x89PNG\r\n\x1a\n")
        assert picture.endswith(b"IEND\xaeB`\x82")


def test_a_stopped_world_goes_on_where_it_was(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, 1, resume=True, ledger=None)
    before = build_simulation(settings)
    grant = before.tokens.issue(expiring=True)
    before.merchant.installed()
    before.providers.zone.put("em1.shop.example", "CNAME", "u1.sendgrid.net")
    before.providers.domains.made.append({"id": 1, "domain": "shop.example"})
    orders = len(before.world.store.orders)
    snapshot.save(before)
    after = build_simulation(settings)
    assert len(after.world.store.orders) == orders
    assert after.tokens.alive(grant.access_token)
    assert after.webhooks.listening
    assert after.providers.zone.get("em1.shop.example", "CNAME") == ["u1.sendgrid.net"]
    assert after.providers.domains.made == [{"id": 1, "domain": "shop.example"}]
    assert after.world.store.ids.next("Order") == before.world.store.ids.next("Order")


@pytest.mark.parametrize("saved", [b"", b"nonsense", pickle.dumps({"format": 1})])
def test_a_world_of_another_version_is_not_replaced_unasked(tmp_path: Path, saved: bytes) -> None:
    settings = settings_for(tmp_path, 1, resume=True, ledger=None)
    (tmp_path / "simulated-world.pickle").write_bytes(saved)
    with pytest.raises(snapshot.OtherWorldError, match="make demo-reset"):
        build_simulation(settings)
