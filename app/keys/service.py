"""What may be done with keys of the API: make, revoke, let a request in, keep its answer."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from app import clock
from app.keys import rules
from app.keys.models import ApiAnswer, ApiKey
from app.keys.rules import Wait
from app.shops import service as shops
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.orm import Session

    from app.shops.models import Shop

KEPT = timedelta(hours=24)
"""How long an answer is kept for a request that is made again."""


@dataclass(frozen=True, slots=True)
class LetIn:
    """A request with a good key: whose it is, what it may do, and how many more may follow at once."""

    shop: Shop
    key_id: int
    scopes: frozenset[str]
    left: int


@dataclass(frozen=True, slots=True)
class Refused:
    """No good key: `bad_key`, `uninstalled`, or `too_many` with seconds to wait."""

    code: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Kept:
    """What the same request was answered before."""

    status: int
    body: dict[str, Any] | None


class OtherRequest:
    """The same Idempotency-Key came with something else."""


def make(session: Session, name: str, scopes: Collection[str], user_id: str) -> tuple[ApiKey, str]:
    """A new key: its row, and the key itself, which nobody can be shown again."""
    shop_id = session.info["shop_id"]
    key = f"rgl_{shop_id}_{secrets.token_urlsafe(32)}"
    made = ApiKey(
        shop_id=shop_id,
        name=name,
        scopes=sorted(scopes),
        digest=_digest(key.encode()),
        hint=key[-4:],
        made_by=user_id,
        created_at=clock.now(),
    )
    session.add(made)
    session.flush()
    return made, key


def revoke(session: Session, key_id: int) -> ApiKey | None:
    """End a key; None when the shop has none of this number. One that is ended already stays as it is."""
    key = session.get(ApiKey, (session.info["shop_id"], key_id), with_for_update=True)
    if key is not None and key.revoked_at is None:
        key.revoked_at = clock.now()
    return key


def everyone(session: Session, shop_id: int) -> Sequence[ApiKey]:
    """All keys of a shop, those that work first."""
    rank = text("revoked_at IS NOT NULL, id DESC")
    return session.scalars(select(ApiKey).where(ApiKey.shop_id == shop_id).order_by(rank)).all()


def let_in(key: str) -> LetIn | Refused:
    """Whose request it is, by its key; takes it from the key's allowance."""
    shop_id = rules.shop_of(key)
    if shop_id is None:
        return Refused("bad_key")
    now = clock.real_now()
    with transaction(shop_id) as session:
        found = session.scalar(
            select(ApiKey)
            .where(ApiKey.shop_id == shop_id, ApiKey.digest == _digest(key.encode()), ApiKey.revoked_at.is_(None))
            .with_for_update()
        )
        if found is None:
            return Refused("bad_key")
        shop = shops.get(session)
        if not shop.active:
            return Refused("uninstalled")
        spent = rules.spend(found.busy_until, now, step=rules.STEP, burst=rules.BURST)
        if isinstance(spent, Wait):
            return Refused("too_many", spent.seconds)
        found.busy_until, found.used_at = spent.busy_until, clock.now()
        return LetIn(shop, found.id, frozenset(found.scopes), spent.left)


def begin(session: Session, key_id: int, reference: str, request: bytes) -> Kept | OtherRequest | None:
    """Say that a request with an Idempotency-Key is carried out in this transaction; None: go on.

    Of two at once the second waits for the first one's commit, and then finds its answer.
    """
    parameters = {
        "shop": session.info["shop_id"],
        "key": key_id,
        "reference": reference,
        "request": _digest(request),
        "now": clock.real_now(),
        "old": clock.real_now() - KEPT,
    }
    session.execute(
        text(
            "DELETE FROM api_answer WHERE shop_id = :shop AND key_id = :key AND reference = :reference "
            "AND created_at < :old"
        ),
        parameters,
    )
    mine = session.execute(
        text(
            "INSERT INTO api_answer (shop_id, key_id, reference, request, created_at) "
            "VALUES (:shop, :key, :reference, :request, :now) ON CONFLICT DO NOTHING RETURNING 1"
        ),
        parameters,
    ).first()
    if mine:
        return None
    kept = _kept(session, key_id, reference)
    return Kept(kept.status or 0, kept.body) if bytes(kept.request) == parameters["request"] else OtherRequest()


def keep(session: Session, key_id: int, reference: str, status: int, body: dict[str, Any] | None) -> None:
    """Keep the answer beside what was done."""
    kept = _kept(session, key_id, reference)
    kept.status, kept.body = status, body
    session.flush()


def _kept(session: Session, key_id: int, reference: str) -> ApiAnswer:
    wanted = select(ApiAnswer).where(
        ApiAnswer.shop_id == session.info["shop_id"], ApiAnswer.key_id == key_id, ApiAnswer.reference == reference
    )
    return session.scalars(wanted).one()


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
