"""Health: is everything moving, and if not, what to do about it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import Response, g

from app import clock
from app.admin import braking, diagnosis
from app.admin.diagnosis import Provider, Vitals
from app.admin.guard import bp
from app.admin.queries import health as queries, home
from app.admin.showing import page, part
from app.admin.words import _
from app.messages.accounts import account_for
from app.messages.breaker import FAILURES_TO_OPEN
from app.transaction import transaction

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

CLOCK_LOCK = 7_261_602
"""The advisory lock that the leading clock holds (`workers.clock.LEADER_LOCK`)."""


@bp.get("/admin/health", endpoint="health")
def health() -> Response:
    """The page."""
    return page("health.html", title=_("Health"), **_found())


@bp.get("/admin/health/now", endpoint="health_now")
def health_now() -> Response:
    """The same, to be put in place of itself."""
    return part("health_now.html", **_found())


def _found() -> dict[str, Any]:
    with transaction(g.shop_id) as session:
        findings = diagnosis.diagnose(vitals(session))
    return {
        "findings": findings,
        "tone": diagnosis.verdict(findings),
        "verdicts": diagnosis.VERDICTS,
        "looked_at": clock.now(),
    }


def vitals(session: Session) -> Vitals:
    """Measure. Spans of business time are told as real ones."""
    now = clock.now()
    row = queries.waiting(session, g.shop_id, now)
    states = Counter(part.state for part in home.imports(session, g.shop_id))
    return Vitals(
        clock_leads=queries.clock_leads(session, CLOCK_LOCK),
        let_in=not g.shop.needs_reauthorization,
        arrived=row.arrived,
        parked_deliveries=row.parked_deliveries,
        parked_messages=row.parked_messages,
        unknown=row.unknown,
        webhook_waits=_since(row.webhook_since, now),
        plan_waits=_since(row.plan_since, now),
        send_waits=_since(row.send_since, now),
        providers=_providers(session),
        imports_failed=states["failed"],
        imports_running=states["waiting"] + states["exporting"] + states["reading"],
        braked=braking.findings(braking.stand(session)),
        reconciled=[
            (each.kind, _since(each.cursor_at, now), each.error) for each in queries.reconciled(session, g.shop_id)
        ],
    )


def _since(at: datetime | None, now: datetime) -> timedelta:
    return timedelta() if at is None else max(timedelta(), (now - at) / clock.speed())


def _providers(session: Session) -> list[Provider]:
    accounts = {channel: account_for(session, channel, ready=False) for channel in ("email", "sms")}
    tried = queries.attempts(session, g.shop_id)
    names = {account.provider for account in accounts.values() if account is not None}
    breakers = queries.breakers(session, names, FAILURES_TO_OPEN)
    found = []
    for channel, account in accounts.items():
        if account is None:
            found.append(Provider(channel, None))
            continue
        attempts, breaker = tried.get(account.provider), breakers.get(account.provider)
        found.append(
            Provider(
                channel,
                account.provider,
                attempts.attempts if attempts else 0,
                attempts.failures if attempts else 0,
                broken=bool(breaker and breaker.broken),
                paused=bool(breaker and breaker.paused),
                silent_for=breaker.silent_for if breaker else None,
            )
        )
    return found
