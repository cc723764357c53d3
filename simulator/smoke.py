"""`python -m simulator.smoke`: exit 0 only when every journey has reached a shopper.

A checkout abandoned must lead to an email and a text message accepted by the providers, an order to a thank-you, a
delivery to a review request, a repeat buyer to a replenishment reminder. Prints each with business times and reasons.
Reads SIM_URL (http://127.0.0.1:SIM_PORT or :5500) and SMOKE_DEADLINE (real seconds, 360).
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Callable

ACCEPTED = frozenset({"accepted", "delivered", "bounced", "complained"})
LOOK_SECONDS = 2.0
AGAIN_SECONDS = 60.0
"""A scenario is played once more when nothing has come of it: the import of the past may not have been done."""
Row = dict[str, Any]


@dataclass(slots=True)
class Goal:
    """One thing that must have happened."""

    title: str
    journey: str
    channel: str | None
    step: Callable[[str], bool]
    scenarios: tuple[str, ...]
    shoppers: list[str] = field(default_factory=list)
    met: Row | None = None


def goals() -> list[Goal]:
    """What the product promises, goal by goal."""

    def any_step(_: str) -> bool:
        return True

    return [
        Goal("abandoned checkout, email", "abandoned_checkout", "email", any_step, ("abandon",)),
        Goal("abandoned checkout, text message", "abandoned_checkout", "sms", any_step, ("abandon",)),
        Goal("order, thank-you", "post_purchase", None, lambda step: "thank" in step, ("buy",)),
        Goal("delivery, review request", "review_request", None, any_step, ("late_delivery_scan", "buy_and_deliver")),
        Goal("repeat buyer, replenishment reminder", "replenishment", None, any_step, ("reorder_due",)),
    ]


class Smoke:
    """Plays, looks, reports."""

    def __init__(self, session: aiohttp.ClientSession, sim_url: str, deadline: float) -> None:
        self._session = session
        self._sim = sim_url
        self._ends = time.monotonic() + deadline
        self._app = ""
        self._played: dict[str, list[str]] = {}
        self._decisions: dict[str, list[Row]] = {}
        self._messages: dict[str, list[Row]] = {}
        self._refusals: dict[str, str] = {}

    async def run(self) -> bool:
        """True when every goal is met before the deadline."""
        if not await self._ready():
            return False
        wanted = goals()
        played_at = -AGAIN_SECONDS
        while any(goal.met is None for goal in wanted) and time.monotonic() < self._ends:
            if time.monotonic() - played_at >= AGAIN_SECONDS:
                played_at = time.monotonic()
                await self._play({name for goal in wanted if goal.met is None for name in goal.scenarios})
            await asyncio.sleep(LOOK_SECONDS)
            await self._look(wanted)
        return self._report(wanted)

    async def _ready(self) -> bool:
        """Wait until the app is installed and its journeys are on."""
        state: Row = {}
        while time.monotonic() < self._ends:
            state = await self._get_json(f"{self._sim}/frame/state.json") or {}
            if state.get("journeys_on"):
                self._app = state["app_url"]
                _say(f"The app is installed and its journeys are on; business time {state['business_time']}")
                return True
            await asyncio.sleep(LOOK_SECONDS / 2)
        if not state:
            _say(f"FAILED: the simulator does not answer at {self._sim}")
        else:
            _say(f"FAILED: the app is {state['installed']}, its journeys are not on")
        return False

    async def _play(self, names: set[str]) -> None:
        for name in sorted(names):
            async with self._session.post(f"{self._sim}/scenario", json={"name": name}) as answer:
                body = await answer.json()
            if "customer" in body:
                self._played.setdefault(name, []).append(str(body["customer"]["id"]))
                _say(f"{body['business_time']}  {name}: {body['customer']['name']}")
            else:
                _say(f"{name}: {body.get('error', 'nobody could do it')}")

    async def _look(self, wanted: list[Goal]) -> None:
        for goal in wanted:
            if goal.met is not None:
                continue
            goal.shoppers = [who for name in goal.scenarios for who in self._played.get(name, [])]
            for who in goal.shoppers:
                goal.met = goal.met or await self._evidence(goal, who)
            if goal.met:
                _say(f"  reached: {goal.title}")

    async def _evidence(self, goal: Goal, who: str) -> Row | None:
        """The app's own row, when the provider too has a message on that channel for this person."""
        token = (await self._get_json(f"{self._sim}/frame/id-token") or {}).get("token", "")
        told = await self._get_json(self._address(who), token)
        if told is None:
            return None
        self._messages[who], self._decisions[who] = told["messages"], told["decisions"]
        feed = await self._get_json(f"{self._sim}/inboxes/feed.json?customer={who}") or {"messages": []}
        arrived = {each["channel"] for each in feed["messages"] if not each["inbound"]}
        for row in told["messages"]:
            if (
                row["journey"] == goal.journey
                and goal.step(row["step"])
                and row["state"] in ACCEPTED
                and row["channel"] in arrived
                and goal.channel in {None, row["channel"]}
            ):
                return {**row, "customer": who}
        return None

    def _report(self, wanted: list[Goal]) -> bool:
        _say("")
        for goal in wanted:
            if goal.met:
                row = goal.met
                _say(
                    f"OK      {goal.title}: {_where(row)} by {row['channel']} to {row['address_tail']}, "
                    f"due {row['due_at']}, accepted {row['accepted_at']}{_because(row)}"
                )
                self._tell_decisions(goal, row["customer"])
            else:
                _say(f"MISSING {goal.title}")
                for who in goal.shoppers or ["nobody"]:
                    self._tell_trouble(goal, who)
        return all(goal.met for goal in wanted)

    def _tell_decisions(self, goal: Goal, who: str) -> None:
        for each in self._decisions.get(who, []):
            if each["journey"] == goal.journey:
                _say(f"          {each['at']}  {each['step'] or 'journey'}: {each['outcome']}{_because(each)}")

    def _tell_trouble(self, goal: Goal, who: str) -> None:
        _say(f"        customer {who}:")
        for row in self._messages.get(who, []):
            _say(
                f"          message {_where(row)} {row['channel']}: {row['state']}, due {row['due_at']}{_because(row)}"
            )
        self._tell_decisions(goal, who)
        refusal = self._refusals.get(self._address(who))
        if refusal and who not in self._messages:
            _say(f"          the app's messages.json {refusal}")
        elif not self._messages.get(who) and not self._decisions.get(who):
            _say("          the app has neither messages nor decisions about this person")

    def _address(self, who: str) -> str:
        return f"{self._app}/admin/messages.json?customer={who}"

    async def _get_json(self, address: str, bearer: str = "") -> Any:
        """The JSON at an address; None while it can't be had."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        try:
            async with self._session.get(address, headers=headers, allow_redirects=False) as answer:
                if answer.status == 200:
                    return await answer.json()
                self._refusals[address] = f"answered {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._refusals[address] = f"could not be read ({type(error).__name__})"
        return None


def _where(row: Row) -> str:
    return f"{row['journey']}/{row['step']}"


def _because(row: Row) -> str:
    return f" ({row['reason']})" if row.get("reason") else ""


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main() -> int:
    """Run within the deadline; 0 when all is well."""
    env = os.environ
    sim_url = (env.get("SIM_URL") or f"http://127.0.0.1:{env.get('SIM_PORT') or 5500}").rstrip("/")
    deadline = float(env.get("SMOKE_DEADLINE") or 360)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        well = await Smoke(session, sim_url, deadline).run()
    _say("Every journey reached its shopper." if well else "FAILED: not every journey reached its shopper in time.")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
