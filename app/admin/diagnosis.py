"""How things are, in plain sentences: what is wrong, and what to do. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from app.admin.words import PROVIDERS, _

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SLOW, STUCK = timedelta(minutes=2), timedelta(minutes=15)
"""Work that waits longer than this, in real time, is slow, or stuck. Undisturbed it waits a second or two."""
MANY_FAILURES, ENOUGH_ATTEMPTS = 0.2, 10
NEWS_LATE: Final = timedelta(hours=2)
"""The store is asked what changed every quarter of an hour: after two hours something is wrong."""
TONES: Final = {"good": 0, "care": 1, "bad": 2}
VERDICTS: Final = {"good": _("Well"), "care": _("Fair"), "bad": _("Trouble")}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    tone: str
    """good | care | bad"""
    area: str
    text: str
    remedy: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """One way out: who, how it has been doing in the last hour."""

    channel: str
    name: str | None
    """None: there is no provider for this channel."""
    attempts: int = 0
    failures: int = 0
    broken: bool = False
    paused: bool = False
    silent_for: timedelta | None = None
    """Since the newest receipt; None: never any."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """What was measured. Spans are in real time."""

    clock_leads: bool
    let_in: bool
    arrived: int
    parked_deliveries: int
    parked_messages: int
    unknown: int
    webhook_waits: timedelta
    plan_waits: timedelta
    send_waits: timedelta
    providers: Sequence[Provider] = ()
    braked: Sequence[Finding] = ()
    """How the shop stands as a sender (`braking`)."""
    imports_failed: int = 0
    imports_running: int = 0
    reconciled: Sequence[tuple[str, timedelta, str | None]] = field(default=())
    """(kind of thing, how long since the store was asked about it, the last try's error)"""


def diagnose(vitals: Vitals) -> list[Finding]:
    """Everything that was looked at, in the order in which an event passes through."""
    return [
        _store(vitals),
        _clock(vitals),
        _webhooks(vitals),
        _parked(vitals),
        _lag(vitals.plan_waits, _("Journeys"), _("Nobody waits to be taken forward."), _("the planning worker")),
        _lag(vitals.send_waits, _("Sending"), _("No message waits longer than it should."), _("the sending worker")),
        *[_provider(provider) for provider in vitals.providers],
        *vitals.braked,
        _unsettled(vitals),
        _imports(vitals),
        *_reconciliation(vitals),
    ]


def verdict(findings: Iterable[Finding]) -> str:
    """The worst tone of all."""
    return max((f.tone for f in findings), key=TONES.__getitem__, default="good")


def _store(vitals: Vitals) -> Finding:
    if vitals.let_in:
        return Finding("good", _("Your store"), _("It lets us in."))
    return Finding(
        "bad", _("Your store"), _("It no longer lets us in, so nothing new is read."),
        _("Close the app in your store's admin and open it again."),
    )  # fmt: skip


def _clock(vitals: Vitals) -> Finding:
    if vitals.clock_leads:
        return Finding("good", _("Clock"), _("It ticks: whatever is due is noticed within a second."))
    return Finding(
        "care", _("Clock"), _("No clock is running. Workers look for themselves, a few seconds later than usual."),
        _("Whoever runs Regulars: start the process “clock”."),
    )  # fmt: skip


def _webhooks(vitals: Vitals) -> Finding:
    if vitals.webhook_waits >= SLOW:
        return Finding(
            _tone(vitals.webhook_waits), _("News from the store"),
            _("The oldest has waited for {span}.", span=spell(vitals.webhook_waits)),
            _("Whoever runs Regulars: see that the process “worker-inbox” runs. Nothing is lost meanwhile."),
            "/admin/deliveries?state=pending",
        )  # fmt: skip
    count = vitals.arrived
    text = _("One came in the last hour.") if count == 1 else _("{n} came in the last hour.", n=count)
    return Finding("good", _("News from the store"), f"{text} {_('None waits.')}", link="/admin/deliveries?state=all")


def _parked(vitals: Vitals) -> Finding:
    if vitals.parked_deliveries:
        return Finding(
            "care", _("News we couldn't use"), _("{n} could not be read.", n=vitals.parked_deliveries),
            _("Look at the reasons, then have them read again."), "/admin/deliveries",
        )  # fmt: skip
    return Finding("good", _("News we couldn't use"), _("None: everything your store told us could be used."))


def _lag(waits: timedelta, area: str, fine: str, worker: str) -> Finding:
    if waits < SLOW:
        return Finding("good", area, fine)
    return Finding(
        _tone(waits), area, _("Work has waited for {span}.", span=spell(waits)),
        _("Whoever runs Regulars: see that {worker} runs, and add another when it does.", worker=worker),
    )  # fmt: skip


def _provider(provider: Provider) -> Finding:
    area = _("Email") if provider.channel == "email" else _("SMS")
    if provider.name is None:
        return Finding(
            "care", area, _("There is no provider, so these messages are kept."),
            _("Whoever runs Regulars: set the provider's key."),
        )  # fmt: skip
    name = PROVIDERS.get(provider.name, provider.name)
    if provider.broken:
        return Finding(
            "bad", area, _("{name} doesn't answer. It is tried again every ten seconds; messages wait.", name=name),
            _("See the provider's status page, and whether the account's key still holds."),
            "/admin/messages?state=waiting",
        )  # fmt: skip
    if provider.paused:
        return Finding("care", area, _("{name} asked us to slow down; messages go on shortly.", name=name))
    share = provider.failures / provider.attempts if provider.attempts else 0.0
    if provider.attempts >= ENOUGH_ATTEMPTS and share >= MANY_FAILURES:
        return Finding(
            "bad", area,
            _("{name} refused or failed {percent} % of the last hour's {n}.", name=name, percent=round(share * 100),
              n=provider.attempts),
            _("Look at what the messages say."), "/admin/messages?state=failed",
        )  # fmt: skip
    if not provider.attempts:
        return Finding("good", area, _("{name} is ready; nothing was handed over in the last hour.", name=name))
    heard = _("never yet") if provider.silent_for is None else _("{span} ago", span=spell(provider.silent_for))
    return Finding(
        "good", area,
        _("{name} works: {n} handed over in the last hour, {failed} failed, last receipt {heard}.", name=name,
          n=provider.attempts, failed=provider.failures, heard=heard),
    )  # fmt: skip


def _unsettled(vitals: Vitals) -> Finding:
    area = _("Outcomes")
    if vitals.parked_messages:
        return Finding(
            "bad", area, _("Messages that need you: {n}.", n=vitals.parked_messages),
            _("Each says why it stopped. Try it again, or drop it."), "/admin/messages?state=parked",
        )  # fmt: skip
    if vitals.unknown:
        return Finding(
            "good", area, _("{n} are being looked up at the provider. This takes minutes.", n=vitals.unknown)
        )
    return Finding("good", area, _("Nothing is open: the provider told of every message."))


def _imports(vitals: Vitals) -> Finding:
    if vitals.imports_failed:
        return Finding(
            "care", _("History"), _("{n} parts could not be imported.", n=vitals.imports_failed),
            _("Older customers and orders are missing; what happens from now on is complete."), "/",
        )  # fmt: skip
    if vitals.imports_running:
        return Finding(
            "good", _("History"), _("It is being read: {n} parts to go.", n=vitals.imports_running), link="/"
        )
    return Finding("good", _("History"), _("All that was asked for is in."))


def _reconciliation(vitals: Vitals) -> list[Finding]:
    late = [(kind, since, error) for kind, since, error in vitals.reconciled if since >= NEWS_LATE or error]
    area = _("Double check")
    if not late:
        text = _("Your store is asked every few minutes whether we missed something.")
        return [Finding("good", area, text)] if vitals.reconciled else []
    return [
        Finding(
            "care" if since < NEWS_LATE else "bad", area,
            _("Your store was last asked about {kind} {span} ago.", kind=kind, span=spell(since)),
            _("It goes on by itself when the store answers again."),
        )
        for kind, since, _reason in late
    ]  # fmt: skip


def _tone(waits: timedelta) -> str:
    return "bad" if waits >= STUCK else "care"


def spell(span: timedelta) -> str:
    """How long, in the largest unit that says enough."""
    seconds = max(0, round(span.total_seconds()))
    for size, one, many in (
        (86_400, _("1 day"), _("{n} days")),
        (3_600, _("1 hour"), _("{n} hours")),
        (60, _("1 minute"), _("{n} minutes")),
        (1, _("1 second"), _("{n} seconds")),
    ):
        if seconds >= size:
            count = seconds // size
            return one if count == 1 else many.format(n=count)
    return _("a moment")
