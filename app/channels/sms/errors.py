"""What Twilio's error codes mean for a message. A table with a default: Twilio says that codes change."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Meaning(NamedTuple):
    """What to do about an error, and the suppression reason when the number itself is at fault."""

    kind: Literal["rejected", "filtered", "retry", "account"]
    """refused for good; stopped for its content; worth another try; something the host can mend"""
    suppress: str | None = None


DEFAULT = Meaning("rejected")
_OPTED_OUT = Meaning("rejected", "opted_out")
_INVALID = Meaning("rejected", "invalid_address")
_RETRY = Meaning("retry")
_ACCOUNT = Meaning("account")
_FILTERED = Meaning("filtered")

ERRORS: dict[int, Meaning] = {
    20001: _ACCOUNT,  # unknown parameters of the account
    20003: _ACCOUNT,  # authentication failed
    20005: _ACCOUNT,  # account suspended
    20008: _ACCOUNT,  # test credentials
    20404: _ACCOUNT,  # account or service not found
    20429: _RETRY,  # too many requests
    21211: _INVALID,  # not a phone number
    21212: _ACCOUNT,  # sender's number isn't one
    21217: _INVALID,  # not a phone number
    21265: _INVALID,  # a short code
    21266: _INVALID,  # to itself
    21268: _INVALID,  # a premium number
    21408: _ACCOUNT,  # country not switched on
    21601: _ACCOUNT,  # sender can't send
    21606: _ACCOUNT,  # sender not ours
    21608: _ACCOUNT,  # trial account
    21609: _ACCOUNT,  # our address for reports isn't one
    21610: _OPTED_OUT,  # recipient said STOP
    21611: _RETRY,  # the sender's queue is full
    21612: DEFAULT,  # no route between the two
    21614: _INVALID,  # not a mobile number
    21617: DEFAULT,  # text too long
    21635: _INVALID,  # landline
    21659: _ACCOUNT,  # sender isn't a Twilio number
    21660: _ACCOUNT,  # sender isn't this account's
    21661: _ACCOUNT,  # sender can't text
    21701: _ACCOUNT,  # service doesn't exist
    21703: _ACCOUNT,  # service without senders
    21704: _ACCOUNT,  # service without senders
    21705: _ACCOUNT,  # service not usable
    30001: _RETRY,  # the service's queue is full
    30002: _ACCOUNT,  # account suspended
    30003: _RETRY,  # handset unreachable
    30004: DEFAULT,  # blocked by the carrier or its owner
    30005: _INVALID,  # nobody has this number
    30006: _INVALID,  # landline
    30007: _FILTERED,  # carrier's content filter
    30008: DEFAULT,  # no reason given
    30010: DEFAULT,  # dearer than the account allows
    30017: _RETRY,  # carrier's network is congested
    30018: _ACCOUNT,  # carrier wants the sender registered
    30022: _RETRY,  # carrier's rate limit
    30023: _RETRY,  # carrier's daily limit
    30024: _ACCOUNT,  # sender not known to the carrier
    30027: _RETRY,  # carrier's daily limit for the brand
    30032: _ACCOUNT,  # toll-free number not verified
    30033: _ACCOUNT,  # campaign suspended
    30034: _ACCOUNT,  # sender not registered
    30035: _RETRY,  # number is still being set up
    30036: DEFAULT,  # useful no longer
    30037: _ACCOUNT,  # sending switched off
    30039: DEFAULT,  # runs in circles
    30040: _ACCOUNT,  # carrier wants the sender registered
    30410: _RETRY,  # carrier didn't answer
    30450: DEFAULT,  # held as pumping
    63016: DEFAULT,  # outside WhatsApp's window
    63017: _RETRY,  # too many messages a second
}


def meaning(code: int | None) -> Meaning:
    """What a code means; the default for one that the table doesn't know."""
    return ERRORS.get(code, DEFAULT) if code is not None else DEFAULT
