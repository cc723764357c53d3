"""Roles: what each may do, who gets which at first, and which change would lock everybody out. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """From least to most. A viewer looks, an editor changes, an owner also says who may, and makes keys."""

    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"


RANKS: Final = {role: rank for rank, role in enumerate(Role)}


def allows(role: str, needed: Role) -> bool:
    """Whether somebody of this role may do what needs that one."""
    return RANKS[Role(role)] >= RANKS[needed]


def first_role(*, is_account_owner: bool, has_owner: bool, newcomers: str) -> Role:
    """The role of somebody who opens the app for the first time.

    The store's own owner is one here, whenever they come. A shop without any gets whoever comes first, which is who
    installed it: installing takes a visit. Everybody else gets what the owners chose for newcomers.
    """
    return Role.OWNER if is_account_owner or not has_owner else Role(newcomers)


def refusal(*, current: str, wanted: str, is_account_owner: bool, owners: int) -> str | None:
    """Why a role can't become another: `account_owner` or `last_owner`; None when it can."""
    if current != Role.OWNER or wanted == Role.OWNER:
        return None
    if is_account_owner:
        return "account_owner"
    return "last_owner" if owners <= 1 else None
