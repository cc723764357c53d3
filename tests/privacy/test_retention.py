"""What was kept long enough goes, and nothing sooner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from app.brakes import service as brakes
from app.privacy import retention
from app.transaction import transaction
from tests.core.conftest import checkout

if TYPE_CHECKING:
    from tests.privacy.conftest import Office


def test_webhooks_are_kept_seven_days_as_they_came(office: Office) -> None:
    office.world.time.move(days=6)
    office.world.deliver("checkouts/update", checkout(office.world, "tok-2"))
    office.world.apply()
    retention.run()
    assert office.bodies() == 2
    office.world.time.move(days=1, minutes=1)
    retention.run()
    assert [r.body is None for r in office.rows("SELECT body FROM delivery ORDER BY id")] == [True, False]
    assert office.one("SELECT state FROM delivery ORDER BY id LIMIT 1").state == "applied"
    assert office.audit() == ["retention_applied"]
    assert office.one("SELECT after FROM audit_entry").after["webhook_bodies"] == 1


def test_one_still_to_be_applied_keeps_its_body(office: Office) -> None:
    office.world.deliver("checkouts/update", checkout(office.world, "tok-2"))
    office.world.time.move(days=30)
    retention.run()
    assert [(r.state, r.body is None) for r in office.rows("SELECT state, body FROM delivery ORDER BY id")] == [
        ("applied", True),
        ("pending", False),
    ]
    office.world.apply()
    office.world.time.move(days=1)
    retention.run()
    assert office.bodies() == 0


@pytest.mark.parametrize(("setting", "days", "left"), [(None, 729, 1), (None, 731, 0), (30, 29, 1), (30, 31, 0)])
def test_contents_of_messages_are_kept_as_long_as_the_merchant_says(
    office: Office, setting: int | None, days: int, left: int
) -> None:
    if setting is not None:
        with transaction(office.shop_id) as session:
            session.execute(
                text(
                    "UPDATE shop SET settings = jsonb_build_object('retention', "
                    "jsonb_build_object('message_content_days', CAST(:days AS int)))"
                ),
                {"days": setting},
            )
    office.world.time.move(days=days)
    retention.run()
    assert office.one("SELECT count(*) AS n FROM message_content").n == left
    assert len(office.world.messages()) == 1, "that it was sent stays on record"


def test_it_runs_once_a_day(office: Office) -> None:
    retention.run()
    due = office.one("SELECT due_at FROM retention").due_at
    office.world.time.move(hours=23)
    retention.run()
    assert office.one("SELECT due_at FROM retention").due_at == due
    office.world.time.move(hours=2)
    retention.run()
    assert office.one("SELECT due_at FROM retention").due_at > due


def test_it_goes_in_batches_and_goes_on_after_a_stop(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    for number in range(10):
        office.world.deliver("checkouts/update", checkout(office.world, f"tok-{number}"))
    office.world.apply()
    office.world.time.move(days=8)
    assert retention.apply(office.shop_id, lambda: True) == 3
    assert office.rows("SELECT 1 FROM retention WHERE shop_id = :shop", shop=office.shop_id) == []
    retention.run()
    assert office.bodies() == 0


def test_what_is_told_of_an_erased_person_later_goes_again(office: Office) -> None:
    office.redact(id=501)
    office.work()
    with transaction(office.shop_id) as session:
        session.execute(text("UPDATE customer SET city = 'New York'"))
    office.world.time.move(days=1, minutes=1)
    office.work()
    assert office.one("SELECT city FROM customer").city is None


def test_the_clock_sees_what_is_due(office: Office) -> None:
    from app.transaction import across_shops
    from workers.clock import DUE

    def due() -> bool:
        with across_shops() as session:
            return bool(session.scalar(text(DUE["slow"]), {"now": office.world.time.at}))

    with transaction(office.shop_id) as session:  # her yes to texts is for another worker's errand
        session.execute(text("DELETE FROM opt_in"))
    brakes.run()
    office.work()
    assert not due()
    office.redact(id=501)
    assert due()
    office.processor.answers = [500]
    office.work()
    assert not due(), "the provider is asked again later"
    office.world.time.move(minutes=2)
    assert due()
    brakes.run()
    office.work()
    assert not due()
    office.world.time.move(days=1)
    assert due()
