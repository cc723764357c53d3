"""Unsubscribe tokens that nobody signed, by the million."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.security import keyring, tokens
from tests.chaos.scenarios.seen import Seen, none
from tests.storefront.forging import forged

if TYPE_CHECKING:
    import random

    from tests.chaos.cluster import Cluster

SECRETS = ("one-secret-of-at-least-thirty-two-signs", "and-an-older-one-of-thirty-two-signs")


def by_the_million(cluster: Cluster, rng: random.Random, count: int = 1_000_000) -> Seen:
    """Random ones, and a genuine one changed bit by bit, cut, stretched, re-signed and spelt otherwise."""
    del cluster  # tokens are read without a database
    keyring.use(keyring.Keyring(SECRETS))
    genuine = tokens.make("unsubscribe", 7, 123_456, 98_765_432)
    missed = tokens.read("unsubscribe", genuine, 3) != (7, 123_456, 98_765_432)
    accepted = sum(tokens.read("unsubscribe", one, 3) is not None for one in forged(genuine, count, rng))
    return Seen(
        f"{count:,} random and mutated unsubscribe tokens",
        (none("accepted", accepted), none("genuine ones refused", missed)),
    )
