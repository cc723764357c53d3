"""Accounts with providers that a shop brings itself, and which Messaging Service is whose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete, select

from app import clock
from app.shops.models import MessagingService, ProviderAccount
from app.transaction import across_shops, transaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

ACCOUNT_SID = r"^AC[0-9a-fA-F]{32}$"
SERVICE_SID = r"^MG[0-9a-fA-F]{32}$"
TOKEN = r"^[0-9A-Za-z_-]{16,128}$"  # noqa: S105 what one looks like
SIGNING_KEY = r"^([0-9A-Za-z_+/=-]{16,256})?$"


class TwilioAccount(BaseModel):
    """A shop's own Twilio account with one Messaging Service of its own: STOP to it opts out of this shop alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account_sid: str = Field(pattern=ACCOUNT_SID)
    auth_token: str = Field(pattern=TOKEN)
    messaging_service_sid: str = Field(pattern=SERVICE_SID)
    signing_key: str = Field(default="", pattern=SIGNING_KEY)
    """For accounts whose callbacks are signed by SHA-256 with a key of their own."""


def own(session: Session, channel: str) -> ProviderAccount | None:
    """The shop's own account for a channel."""
    return session.execute(
        select(ProviderAccount).where(
            ProviderAccount.shop_id == session.info["shop_id"], ProviderAccount.channel == channel
        )
    ).scalar_one_or_none()


def use_own_twilio(session: Session, account: TwilioAccount) -> None:
    """Texts go by this account from now on; what is under way ends where it began."""
    use_hosts_texts(session)
    shop_id = session.info["shop_id"]
    session.add(
        ProviderAccount(
            shop_id=shop_id, channel="sms", provider="twilio", credentials=account.model_dump(), created_at=clock.now()
        )
    )
    session.add(MessagingService(shop_id=shop_id, service=account.messaging_service_sid))
    session.flush()


def use_hosts_texts(session: Session) -> None:
    """Texts go by the host's account again."""
    shop_id = session.info["shop_id"]
    session.execute(delete(ProviderAccount).where(ProviderAccount.shop_id == shop_id, ProviderAccount.channel == "sms"))
    session.execute(delete(MessagingService).where(MessagingService.shop_id == shop_id))


def shops_of(service: str) -> list[int]:
    """Shops whose own Messaging Service this is, found by its name; usually one."""
    with across_shops() as session:
        rows = session.execute(select(MessagingService.shop_id).where(MessagingService.service == service))
        return sorted(row.shop_id for row in rows)


def signing_secrets(shop_id: int) -> Sequence[str]:
    """What callbacks about the shop's own texts may be signed with; nothing when it has no account of its own."""
    with transaction(shop_id) as session:
        account = own(session, "sms")
        credentials: Mapping[str, Any] = account.credentials if account is not None else {}
        return [secret for name in ("auth_token", "signing_key") if (secret := credentials.get(name))]
