"""What has been kept long enough goes, once a day for every shop, in batches that hold no lock for long."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from app import clock
from app.customers import files
from app.privacy import audit
from app.privacy.erasing import empty
from app.shops import service as shops, settings as shop_settings
from app.transaction import across_shops, record_alone, transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

BODY_DAYS = 7
"""Webhooks as they came: long enough to mend a fault and apply them again."""
EVENT_DAYS = 30
"""What other systems were told, and how that went."""
EVERY = timedelta(days=1)
BATCH = 1_000


def run(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Apply the retention of every shop whose day has come; returns how many rows were emptied or deleted."""
    with across_shops() as session:
        due = session.scalars(
            text(
                "SELECT s.id FROM shop s LEFT JOIN retention r ON r.shop_id = s.id "
                "WHERE r.due_at IS NULL OR r.due_at <= :now ORDER BY r.due_at NULLS FIRST, s.id"
            ),
            {"now": clock.now()},
        ).all()
    gone = 0
    for shop_id in due:
        if should_stop():
            break
        gone += apply(shop_id, should_stop)
    return gone


def apply(shop_id: int, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Apply one shop's retention. Stopped half-way, it is due again at once."""
    now = clock.now()
    with transaction(shop_id) as session:
        days = shop_settings.of(shops.get(session)).retention.message_content_days
    gone: dict[str, int] = {}
    for name, statement, until in (
        ("webhook_bodies", BODIES, now - clock.days(BODY_DAYS)),
        ("message_contents", CONTENTS, now - clock.days(days)),
        ("data_files", FILES, now),
        ("events", EVENTS, now - clock.days(EVENT_DAYS)),
        ("api_answers", ANSWERS, clock.real_now() - timedelta(days=1)),
    ):
        gone[name] = 0
        while taken := _some(shop_id, statement, until):
            gone[name] += taken
            if should_stop():
                return sum(gone.values())
    with transaction(shop_id) as session:
        _erase_again(session)
        gone["files_of_people"] = files.forget(session)
        session.execute(
            text(
                "INSERT INTO retention (shop_id, due_at) VALUES (:shop, :due) "
                "ON CONFLICT (shop_id) DO UPDATE SET due_at = excluded.due_at"
            ),
            {"shop": shop_id, "due": now + EVERY},
        )
        if any(gone.values()):
            audit.note(session, "system", audit.Action.RETENTION_APPLIED, targets={"shop": shop_id}, after=gone)
    return sum(gone.values())


BODIES = """
    UPDATE delivery SET body = NULL WHERE shop_id = :shop AND id = ANY(ARRAY(
        SELECT id FROM delivery WHERE shop_id = :shop AND body IS NOT NULL AND received_at < :until
            AND state <> 'pending' LIMIT :batch FOR UPDATE SKIP LOCKED))
    RETURNING 1
"""
"""What is still to be applied keeps its body until it is. ARRAY: with IN the planner may run the inner SELECT once for
every row, and its LIMIT holds nothing back."""
CONTENTS = """
    DELETE FROM message_content WHERE shop_id = :shop AND message_id = ANY(ARRAY(
        SELECT message_id FROM message_content WHERE shop_id = :shop AND rendered_at < :until LIMIT :batch))
    RETURNING 1
"""
EVENTS = """
    DELETE FROM hook_event WHERE shop_id = :shop AND id = ANY(ARRAY(
        SELECT id FROM hook_event WHERE shop_id = :shop AND at < :until LIMIT :batch))
    RETURNING 1
"""
ANSWERS = """
    DELETE FROM api_answer WHERE shop_id = :shop AND id = ANY(ARRAY(
        SELECT id FROM api_answer WHERE shop_id = :shop AND created_at < :until LIMIT :batch))
    RETURNING 1
"""
FILES = """
    DELETE FROM data_file WHERE shop_id = :shop AND id = ANY(ARRAY(
        SELECT id FROM data_file WHERE shop_id = :shop AND expires_at < :until LIMIT :batch))
    RETURNING 1
"""


def _some(shop_id: int, statement: str, until: object) -> int:
    with transaction(shop_id) as session:
        parameters = {"shop": shop_id, "until": until, "batch": BATCH}
        return len(session.execute(text(statement), parameters).all())


def _erase_again(session: Session) -> None:
    """What an import or a late webhook has told about people since they were erased."""
    record_alone(session)
    people = session.scalars(
        text("SELECT id FROM customer WHERE shop_id = :shop AND erased_at IS NOT NULL"),
        {"shop": session.info["shop_id"]},
    ).all()
    if people:
        empty(session, people, ())
