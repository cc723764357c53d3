"""Telling a store what its customers said to us about marketing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.platforms.base import ConsentTold, TellLater, TellRefused
from app.platforms.shopify.graphql import UNAUTHORIZED, GraphQLFault, gid, stamp, user_error
from app.platforms.shopify.operations import operation

if TYPE_CHECKING:
    from app.platforms.base import ShopAccess, TellAnswer, ToldConsent
    from app.platforms.shopify.graphql import GraphQLClient

_SPELLINGS = {
    "email": ("consent_email", "customerEmailMarketingConsentUpdate", "emailMarketingConsent"),
    "sms": ("consent_sms", "customerSmsMarketingConsentUpdate", "smsMarketingConsent"),
}
_STATES = {"subscribed": "SUBSCRIBED", "unsubscribed": "UNSUBSCRIBED", "pending": "PENDING"}
"""What the mutations take; `not_subscribed` stands in the schema and is refused all the same."""


def tell_consent(client: GraphQLClient, access: ShopAccess, told: ToldConsent) -> TellAnswer:
    """Make the one call. The store keeps whichever word is the later one, so telling twice does no harm."""
    state = _STATES.get(told.state)
    if told.channel not in _SPELLINGS or state is None:
        return TellRefused("nothing_to_tell")
    name, field, part = _SPELLINGS[told.channel]
    level = "CONFIRMED_OPT_IN" if told.double_opt_in or state == "PENDING" else "SINGLE_OPT_IN"
    word = {"marketingState": state, "marketingOptInLevel": level, "consentUpdatedAt": stamp(told.at)}
    answer = client.execute(
        access, operation(name), {"input": {"customerId": gid("Customer", told.customer_id), part: word}}
    )
    if not isinstance(answer, GraphQLFault):
        answer = user_error(answer, field) or answer
    if not isinstance(answer, GraphQLFault):
        return ConsentTold()
    if answer.may_pass or answer.code in (UNAUTHORIZED, "frozen", "locked"):
        return TellLater(answer.code, answer.retry_after)
    return TellRefused(answer.code)
