"""The gates, in their order, each with its reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from app.brakes.rules import Hold
from app.conditions import Condition
from app.customers.rules import Choices
from app.messages.quiet import Hours, Watch
from app.messages.rules import GATES, Asked, Basket, Defer, Go, Limits, Rival, Skip, gate

NOW = datetime(2026, 6, 10, 16, tzinfo=UTC)
NIGHT = datetime(2026, 6, 11, 3, tzinfo=UTC)


def condition(field: str, comparison: str = "is", value: Any = True) -> Condition:  # noqa: FBT002 as definitions write it
    return Condition.model_validate({"field": field, "is": comparison, "value": value})


LIMITS = Limits(timedelta(hours=16), 2)
NEW_YORK = Watch("America/New_York", Hours(time(21), time(8)))
BOUGHT = ([condition("bought")], "bought")

OPEN = Asked(
    channel="email", purpose="marketing", audience="subscribers", useful_until=NOW + timedelta(days=30),
    shop_active=True, shop_stopped=False, unreachable=None, consent="subscribed", fields={"bought": False, "total": 10},
    only_if=[condition("total", "at_least", 5)], exits=[BOUGHT], watches=[NEW_YORK],
    limits=LIMITS, filters=[condition("total", "at_most", 50)],
)  # fmt: skip

# In the order of the gates. Each row closes one more; all rows after it stay closed too, and must not show.
CLOSED: list[tuple[str, dict[str, Any], Skip | str]] = [
    ("suppressed", {"unreachable": "suppressed:bounced"}, Skip("suppressed:bounced")),
    ("no consent", {"consent": None}, Skip("no_consent")),
    ("unsubscribed", {"consent": "unsubscribed"}, Skip("unsubscribed")),
    ("erased", {"unreachable": "erased"}, Skip("erased")),
    ("no address", {"unreachable": "no_address"}, Skip("no_address")),
    ("uninstalled", {"shop_active": False}, Skip("uninstalled", "cancelled")),
    ("stopped", {"shop_stopped": True}, Skip("all_marketing_stopped")),
    ("complaints", {"against_shop": Hold("complaint_rate", NOW + timedelta(hours=1))}, "complaint_rate"),
    ("country", {"against_shop": Hold("sms_country")}, Skip("sms_country")),
    ("topic off", {"choices": Choices(frozenset({"news"}))}, Skip("topic_off")),
    ("paused", {"choices": Choices(paused_until=NOW + timedelta(days=2))}, "paused"),
    ("trigger filter", {"filters": [condition("total", "less_than", 5)]}, Skip("filter:total")),
    ("step filter", {"only_if": [condition("total", "more_than", 50)]}, Skip("condition:total")),
    ("bought", {"exits": [([], "bought")]}, Skip("bought", "cancelled")),
    ("store silent", {"store_answered": False}, "store_unreachable"),
    ("expired", {"useful_until": NOW}, Skip("too_late", "expired")),
    ("texted", {"basket": Basket(NOW, texted=True)}, Skip("one_text_per_basket")),
    (
        "basket too old",
        {"basket": Basket(NOW - timedelta(hours=48), texted=False)},
        Skip("too_late_for_a_text", "expired"),
    ),
    ("quiet hours", {"watches": [replace(NEW_YORK, hours=Hours(time(11), time(13)))]}, "quiet_hours"),
    ("outranked", {"rival": Rival("email", "news")}, "outranked"),
    ("window", {"sent_at": [NOW - timedelta(hours=1)]}, "channel_window"),
    ("other channel", {"elsewhere_at": NOW - timedelta(minutes=10)}, "other_channel"),
    ("weekly cap", {"sent_at": [NOW - timedelta(days=2), NOW - timedelta(days=3)]}, "weekly_cap"),
    ("frequency", {"any_sent_at": NOW - timedelta(days=2), "choices": Choices(frequency="weekly")}, "frequency"),
]
ORDER = ["_suppressed", "_consent", "_gone", "_shop_held", "_chosen", "_filters", "_bought", "_expired", "_basket_text",
         "_quiet", "_arbiter", "_window", "_other_channel", "_weekly_cap", "_frequency"]  # fmt: skip


def test_the_gates_stand_in_the_order_of_the_design() -> None:
    assert [one.__name__ for one in GATES] == ORDER


def test_when_all_are_open_it_goes() -> None:
    assert gate(OPEN, NOW) == Go()


@pytest.mark.parametrize(("change", "verdict"), [row[1:] for row in CLOSED], ids=[row[0] for row in CLOSED])
def test_each_closed_gate_gives_its_reason(change: dict[str, Any], verdict: Skip | str) -> None:
    found = gate(replace(OPEN, **change), NOW)
    assert found == verdict or (isinstance(found, Defer) and found.reason == verdict)


def test_of_two_closed_gates_the_first_speaks() -> None:
    for first in range(len(CLOSED)):
        for second in range(first + 1, len(CLOSED)):
            (_, one, verdict), (_, other, _) = CLOSED[first], CLOSED[second]
            if one.keys() & other.keys() or {"useful_until", "store_answered"} <= one.keys() | other.keys():
                continue
            found = gate(replace(OPEN, **(other | one)), NOW)
            assert found == verdict or (isinstance(found, Defer | Skip) and found.reason == verdict), (one, other)


def test_a_transactional_message_skips_consent_quiet_hours_windows_and_caps() -> None:
    thanks = replace(
        OPEN,
        purpose="transactional",
        consent="unsubscribed",
        sent_at=[NIGHT - timedelta(minutes=1)] * 9,
        shop_stopped=True,
    )
    assert gate(thanks, NIGHT) == Go()


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"unreachable": "suppressed:complaint"}, Skip("suppressed:complaint")),
        ({"unreachable": "erased"}, Skip("erased")),
        ({"shop_active": False}, Skip("uninstalled", "cancelled")),
        ({"exits": [([], "order_cancelled")]}, Skip("order_cancelled", "cancelled")),
    ],
)
def test_a_transactional_message_skips_neither_suppression_nor_erasure(change: dict[str, Any], verdict: Skip) -> None:
    assert gate(replace(OPEN, purpose="transactional", **change), NOW) == verdict


def test_quiet_hours_hold_it_until_the_morning() -> None:
    assert gate(OPEN, NIGHT) == Defer(datetime(2026, 6, 11, 12, tzinfo=UTC), "quiet_hours")


def test_what_would_have_lost_its_use_by_then_is_not_held() -> None:
    brief = replace(OPEN, useful_until=NIGHT + timedelta(hours=2))
    assert gate(brief, NIGHT) == Skip("quiet_hours", "expired")


def test_the_stricter_of_two_zones_decides() -> None:
    both = replace(OPEN, watches=[NEW_YORK, replace(NEW_YORK, zone="America/Los_Angeles")])
    assert gate(both, datetime(2026, 6, 10, 13, tzinfo=UTC)) == Defer(
        datetime(2026, 6, 10, 15, tzinfo=UTC), "quiet_hours"
    )


def test_the_window_counts_from_the_last_message_and_ends_to_the_second() -> None:
    asked = replace(
        OPEN, sent_at=[NOW - timedelta(hours=20), NOW - timedelta(hours=10)], limits=replace(LIMITS, per_week=9)
    )
    assert gate(asked, NOW) == Defer(NOW + timedelta(hours=6), "channel_window")
    later = replace(asked, watches=())
    assert gate(later, NOW + timedelta(hours=6)) == Go()


def test_the_weekly_cap_waits_until_enough_of_the_week_is_a_week_old() -> None:
    asked = replace(OPEN, sent_at=[NOW - timedelta(days=d) for d in (1, 3, 5)])
    assert gate(asked, NOW) == Defer(NOW - timedelta(days=3) + timedelta(days=7), "weekly_cap")


def test_a_cap_of_none_a_week_means_never() -> None:
    assert gate(replace(OPEN, limits=replace(LIMITS, per_week=0)), NOW) == Skip("weekly_cap")


def test_the_courtesy_mail_goes_to_who_was_never_asked_and_the_courtesy_text_does_not() -> None:
    courtesy = replace(OPEN, audience="anyone", consent=None)
    assert gate(courtesy, NOW) == Go()
    assert gate(replace(courtesy, channel="sms"), NOW) == Skip("no_consent")
    assert gate(replace(courtesy, consent="unsubscribed"), NOW) == Skip("unsubscribed")
