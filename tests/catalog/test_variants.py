"""What becomes of a product's variants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.core.conftest import World


def product(world: World, variants: range) -> dict[str, Any]:
    return {
        "id": 81,
        "title": "House blend",
        "status": "active",
        "updated_at": world.time.at.isoformat(),
        "variants": [{"id": number, "title": f"No. {number}", "price": "20.00"} for number in variants],
    }


@pytest.mark.parametrize(("named_later", "removed"), [(range(1, 3), 1), (range(1, 101), 0)])
def test_a_variant_that_is_no_longer_named_is_gone_unless_the_payload_was_full(
    world: World, named_later: range, removed: int
) -> None:
    world.deliver("products/update", product(world, range(1, 3)))
    world.deliver("products/update", product(world, range(200, 201)) | {"id": 82})
    world.apply()
    world.time.move(hours=1)
    # 200 belongs to product 81 and isn't among those named now.
    world.rows("UPDATE variant SET product_external_id = '81' WHERE external_id = '200' RETURNING 1")
    world.deliver("products/update", product(world, named_later))
    world.apply()
    assert len(world.rows("SELECT 1 FROM variant WHERE removed_at IS NOT NULL")) == removed
