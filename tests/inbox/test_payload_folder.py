"""Each payload that real stores have sent goes in by the front door and is applied, ignored or parked with a reason."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.conftest import API_SECRET, SHARED
from tests.inbox.conftest import signed

if TYPE_CHECKING:
    from flask import Flask

    from tests.inbox.conftest import House

FOLDER = SHARED / "payloads"


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the payloads are not on this machine")
def test_every_payload_is_applied_ignored_or_parked_with_a_reason(house: House, app: Flask) -> None:
    client = app.test_client()
    files = sorted(FOLDER.glob("*/*.json"))
    for number, file in enumerate(files):
        topic, body = file.parent.name.replace("__", "/"), file.read_bytes()
        answer = client.post(
            "/webhooks/shopify", data=body, headers=signed(body, API_SECRET, topic=topic, webhook_id=f"p-{number}")
        )
        assert answer.status_code == 200, file
    assert house.apply() == len(files) > 100
    rows = house.rows("SELECT topic, state, reason FROM delivery ORDER BY topic")
    assert {row.state for row in rows} <= {"applied", "ignored", "parked"}
    assert all(row.reason for row in rows if row.state != "applied")
    assert not [row for row in rows if row.reason and row.reason.startswith("error:")]
    counts = Counter((row.state, row.reason or "") for row in rows)
    sys.stdout.writelines(f"{n:4} {state:8} {reason}\n" for (state, reason), n in sorted(counts.items()))
    assert counts["applied", ""] > len(files) / 2
    house.rows("UPDATE delivery SET state = 'pending', reason = NULL RETURNING 1")
    before = house.state()
    house.apply()
    assert house.state() == before
