"""What may be done about privacy: carry out what is open, ask for an erasure, hand out a data file."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from app import clock
from app.platforms.events import PrivacyKind
from app.privacy import audit, processors, requests, retention
from app.privacy.models import DataFile
from app.shops.models import PrivacyRequest
from app.shops.service import PRIVACY_DEADLINE
from app.transaction import ring_after_commit, transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from config import Settings


def run(settings: Settings, should_stop: Callable[[], bool] = lambda: False) -> int:
    """For the slow worker: requests, what providers are asked, retention; returns how much was done."""
    done = requests.run(should_stop)
    done += processors.run(settings, should_stop)
    return done + retention.run(should_stop)


def ask_to_erase(
    shop_id: int, *, email: str | None = None, phone: str | None = None, customer_id: str | None = None, actor: str
) -> int:
    """Put the erasure of a person on the list, as if the store had asked for it; returns the request's id."""
    with transaction(shop_id) as session:
        return list_erasure(session, email=email, phone=phone, customer_id=customer_id, actor=actor)


def list_erasure(
    session: Session, *, email: str | None = None, phone: str | None = None, customer_id: str | None = None, actor: str
) -> int:
    """The same within a transaction of the shop's."""
    now = clock.now()
    request = PrivacyRequest(
        shop_id=session.info["shop_id"],
        kind=PrivacyKind.CUSTOMER_REDACT.value,
        reference=f"{PrivacyKind.CUSTOMER_REDACT}:{actor}:{uuid.uuid4().hex}",
        details={
            "customer_id": customer_id,
            "email": email.strip().lower() if email else None,
            "phone": phone,
            "order_ids": [],
            "triggered_at": now.isoformat(),
            "actor": actor,
        },
        received_at=now,
        due_at=now + PRIVACY_DEADLINE,
    )
    session.add(request)
    session.flush()
    ring_after_commit(session, "slow")
    return request.id


def download(session: Session, file_id: int, actor: str) -> dict[str, Any] | None:
    """A data file's content, for the merchant; None when there is none (any more). It goes on record who took it."""
    file = session.scalar(
        select(DataFile).where(
            DataFile.shop_id == session.info["shop_id"], DataFile.id == file_id, DataFile.expires_at > clock.now()
        )
    )
    if file is None:
        return None
    audit.note(session, actor, audit.Action.DATA_FILE_DOWNLOADED, targets={"file": file.id, "request": file.request_id})
    return file.content
