"""What may be done with a shop's team: come in, be given a role."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from app import clock
from app.shops import settings as shop_settings
from app.shops.models import Shop
from app.team import rules
from app.team.models import Member
from app.team.rules import Role
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.orm import Session

    from app.platforms.base import StaffMember

FRESH = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a role stays as it is: `account_owner` or `last_owner`."""

    code: str


def enter(shop_id: int, user_id: str, ask: Callable[[], StaffMember | None]) -> tuple[Member, bool]:
    """Whoever has just proven to be of the store's staff, with their role, and whether they are new here.

    `ask` asks the store who they are, outside any transaction. It is called for somebody new and once a day, since a
    store may change hands. When the store doesn't say, they still come in.
    """
    now = clock.now()
    with transaction(shop_id) as session:
        found = _find(session, user_id)
    if found is not None and now - found.last_seen_at < FRESH * clock.speed():
        return found, False
    told = ask()
    with transaction(shop_id) as session:
        shop = session.get_one(Shop, shop_id, with_for_update=True)  # two who come first at once: one of them is
        member = _find(session, user_id)
        is_new = member is None
        if member is None:
            role = rules.first_role(
                is_account_owner=told is not None and told.is_account_owner,
                has_owner=owners(session, shop_id) > 0,
                newcomers=shop_settings.of(shop).team.newcomers,
            )
            member = Member(shop_id=shop_id, user_id=user_id, role=role.value, first_seen_at=now)
            session.add(member)
        member.last_seen_at = now
        if told is not None:
            member.name, member.email, member.is_account_owner = told.name, told.email, told.is_account_owner
            member.role = Role.OWNER.value if told.is_account_owner else member.role
        session.flush()
        return member, is_new


def give_role(session: Session, member_id: int, wanted: Role) -> tuple[Member, str] | Refused:
    """Give a member of this shop another role; returns them with the role they had."""
    session.get_one(Shop, session.info["shop_id"], with_for_update=True)  # two last owners can't demote each other
    member = session.get_one(Member, (session.info["shop_id"], member_id), populate_existing=True)
    code = rules.refusal(
        current=member.role,
        wanted=wanted,
        is_account_owner=member.is_account_owner,
        owners=owners(session, session.info["shop_id"]),
    )
    if code is not None:
        return Refused(code)
    before, member.role = member.role, wanted.value
    return member, before


def everybody(session: Session, shop_id: int) -> Sequence[Member]:
    """The whole team, owners first, then by when they came."""
    rank = text("array_position(ARRAY['owner', 'editor', 'viewer'], role)")
    return session.scalars(
        select(Member).where(Member.shop_id == shop_id).order_by(rank, Member.first_seen_at, Member.id)
    ).all()


def is_there(session: Session, shop_id: int, member_id: int) -> bool:
    """Whether the shop has this member."""
    return session.get(Member, (shop_id, member_id)) is not None


def owners(session: Session, shop_id: int) -> int:
    """How many owners a shop has."""
    found: int = session.execute(
        text("SELECT count(*) FROM member WHERE shop_id = :shop AND role = 'owner'"), {"shop": shop_id}
    ).scalar_one()
    return found


def _find(session: Session, user_id: str) -> Member | None:
    return session.scalar(select(Member).where(Member.shop_id == session.info["shop_id"], Member.user_id == user_id))
