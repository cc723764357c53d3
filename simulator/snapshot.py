"""The simulated world on disk, so that a stopped demonstration goes on where it was: same people, orders, tokens.

What was planned (parcels on their way) is planned anew from the state of the orders. Webhooks still being retried are
lost, as after a long outage; the app's reconciliation has to find what they said.
"""

from __future__ import annotations

import logging
import pickle
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from simulator.store.history import carrier_plan

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.providers.postbox import Message
    from simulator.providers.twilio_services import Service
    from simulator.settings import Settings
    from simulator.shopify.oauth import Grant
    from simulator.store.history import Habit, World
    from simulator.world import Simulation

log = logging.getLogger(__name__)
FORMAT = 3
SAVE_EVERY_SECONDS = 60.0
"""Saving takes less than half a second, in which nothing else happens."""
KEPT_MESSAGES = 1000
UNDER_WAY = timedelta(days=12)


@dataclass(slots=True)
class Snapshot:
    """Everything worth keeping."""

    format: int
    seed: int
    world: World
    habits: list[Habit]
    grants: dict[str, Grant]
    by_refresh: dict[str, Grant]
    listening: bool
    installs: int
    journeys_on: bool
    messages: list[Message]
    sequence: int
    opted_out: set[tuple[str, str]]
    services: dict[str, Service]
    domains: list[dict[str, Any]]
    names: dict[tuple[str, str], list[str]]
    subscriptions: dict[int, tuple[str, str, str | None]]
    dice: Any


class OtherWorldError(SystemExit):
    """What is there was saved by another version or for another seed; the message says what to do."""


def load(settings: Settings) -> Snapshot | None:
    """The snapshot of an earlier run; None when there is none.

    Raises:
        OtherWorldError: there is one that can't go on. To begin anew behind the app's back is no way out: the app holds
            keys of the old store, which the new one doesn't know.
    """
    path = _path(settings)
    if not settings.resume or not path.exists():
        return None
    try:
        found = pickle.loads(path.read_bytes())  # noqa: S301 - our own file, in a folder of the same user
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, TypeError) as error:
        log.warning("the saved world can't be read (%s)", type(error).__name__)
        found = None
    if not isinstance(found, Snapshot) or found.format != FORMAT or found.seed != settings.seed:
        raise OtherWorldError(
            "The simulated store was saved by another version of Regulars and can't go on. Begin anew: make demo-reset"
        )
    return found


def save(sim: Simulation) -> None:
    """Write the present state beside the old one, then put it in its place."""
    if not sim.settings.resume:
        return
    path = _path(sim.settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(pickle.dumps(_taken(sim), protocol=pickle.HIGHEST_PROTOCOL))
    fresh.replace(path)


def _taken(sim: Simulation) -> Snapshot:
    return Snapshot(
        format=FORMAT,
        seed=sim.settings.seed,
        world=sim.world,
        habits=sim.shoppers.habits,
        grants=sim.tokens.grants,
        by_refresh=sim.tokens.by_refresh,
        listening=sim.webhooks.listening,
        installs=sim.merchant.installs,
        journeys_on=sim.merchant.journeys_on,
        messages=list(sim.providers.postbox.messages)[-KEPT_MESSAGES:],
        sequence=sim.providers.ledger.sequence,
        opted_out=sim.providers.twilio.opted_out,
        services=sim.providers.twilio.services.made,
        domains=sim.providers.domains.made,
        names=sim.providers.zone.records,
        subscriptions=sim.webhooks.extra,
        dice=sim.shoppers.rng.getstate(),
    )


def restore(sim: Simulation, saved: Snapshot) -> None:
    """Put a saved state into a simulation built around its world."""
    sim.shoppers.habits = saved.habits
    sim.tokens.grants, sim.tokens.by_refresh = saved.grants, saved.by_refresh
    sim.webhooks.listening, sim.webhooks.extra = saved.listening, saved.subscriptions
    sim.merchant.installs, sim.merchant.journeys_on = saved.installs, saved.journeys_on
    sim.providers.postbox.messages.extend(saved.messages)
    sim.providers.ledger.sequence = max(sim.providers.ledger.sequence, saved.sequence)
    sim.providers.twilio.opted_out = saved.opted_out
    sim.providers.twilio.services.made = saved.services
    sim.providers.domains.made = saved.domains
    sim.providers.zone.records = saved.names
    sim.shoppers.rng.setstate(saved.dice)


def plan_parcels(sim: Simulation) -> None:
    """What is under way goes on: orders not shipped yet, parcels not delivered yet."""
    since = sim.settings.clock.now() - UNDER_WAY
    for order in sim.world.store.orders.values():
        if order.created_at < since or order.cancelled_at or order.source_name != "web":
            continue
        if not order.fulfilments:
            sim.shoppers.follow_up(order)
            continue
        parcel = order.fulfilments[0]
        if parcel.events and not parcel.happened("delivered"):
            for status, moment in carrier_plan(sim.shoppers.rng, parcel.created_at):
                if parcel.happened(status) is None:
                    sim.agenda.at(moment, sim.shoppers.scan(parcel, status))


def _path(settings: Settings) -> Path:
    return settings.data / "simulated-world.pickle"
