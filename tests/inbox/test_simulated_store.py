"""Install, import and reconciliation over real HTTP, against the simulated store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import text

from app import clock, registry, transaction
from app.inbox import importing, reconciling
from app.platforms import access
from app.platforms.base import TokenGranted
from app.shops import service as shops
from tests.platforms.test_with_simulator import SHOP, Town, town

if TYPE_CHECKING:
    import pytest

    from tests.inbox.conftest import House

__all__ = ["town"]


def test_a_year_of_history_comes_in_and_a_second_sweep_finds_nothing_new(
    house: House,
    town: Town,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry._Found, "platforms", {**registry._Found.platforms, "shopify": town.platform})
    granted = town.platform.tokens.exchange(SHOP, town.id_token())
    assert isinstance(granted, TokenGranted)
    house.time.at = datetime.now(UTC)
    shop_id = shops.find_or_create("shopify", SHOP)
    assert shops.install(shop_id, granted.scopes)
    access.keep(shop_id, granted)

    def rows(statement: str) -> list[tuple[object, ...]]:
        with transaction.transaction(shop_id) as session:
            return [tuple(row) for row in session.execute(text(statement))]

    for _ in range(60):
        importing.run()
        if {state for (state,) in rows("SELECT state FROM import")} == {"done"}:
            break
        house.time.move(seconds=25)
        clock.pause(0.1)
    assert {state for (state,) in rows("SELECT state FROM import")} == {"done"}
    [(people, ordered, products)] = rows(
        "SELECT (SELECT count(*) FROM customer WHERE merged_into_id IS NULL), "
        "(SELECT count(*) FROM orders WHERE placed_at IS NOT NULL), (SELECT count(*) FROM product)"
    )
    assert people >= 140  # type: ignore[operator]
    assert ordered > 100  # type: ignore[operator]
    assert products > 5  # type: ignore[operator]
    [(counted, listed)] = rows(
        "SELECT (SELECT sum(orders_count) FROM customer WHERE merged_into_id IS NULL), (SELECT count(*) FROM orders "
        "WHERE customer_id IS NOT NULL AND cancelled_at IS NULL AND NOT is_test AND payment <> 'voided')"
    )
    assert counted == listed
    # An export tells an order's lines in any order.
    reference = (
        "SELECT external_id, version_at, customer_id, total, payment, channel, placed_at, cancelled_at, refunded, "
        "(SELECT jsonb_agg(l ORDER BY l->>'line_id')::text FROM jsonb_array_elements(lines) l) "
        "FROM orders WHERE placed_at < now() - interval '30 days' ORDER BY external_id"
    )
    with transaction.transaction(shop_id) as session:
        session.execute(text("UPDATE reconciliation SET cursor_at = cursor_at - interval '60 days', due_at = :now"),
                        {"now": house.time.at})  # fmt: skip
    before = rows(reference)
    assert reconciling.run() == 3
    assert rows("SELECT kind, error FROM reconciliation WHERE error IS NOT NULL") == []
    # The simulated shoppers live on: an order may have changed meanwhile, but then the store says when.
    for was, now in zip(before, rows(reference), strict=True):
        assert was == now or was[1] < now[1], was[0]  # type: ignore[operator]
