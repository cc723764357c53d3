"""Messages, journeys, figures, and the shop itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from app.api import queries, schemas
from app.api.calls import operation
from app.api.pages import page
from app.api.problems import Fault, Problem
from app.content.dates import zone_of
from app.journeys import service as journeys
from app.messages import parked
from app.privacy.audit import Action
from app.reports import queries as reports
from app.reports.rules import Period
from app.shops import settings as shop_settings
from app.transaction import ring_after_commit

if TYPE_CHECKING:
    from app.api.calls import Call

LONGEST_REPORT = timedelta(days=366)


@operation("GET", "/messages", scope="messages:read", answer=schemas.Messages, query=schemas.MessageQuery)
def list_messages(call: Call) -> schemas.Messages:
    """Messages, newest first: sent, waiting, or not sent, with the reason."""
    wanted: schemas.MessageQuery = call.query
    conditions = {"m.customer_id": wanted.customer_id, "j.key": wanted.journey, "m.state": wanted.state}
    return page(call, queries.MESSAGE, "m", conditions, schemas.Messages)


@operation("GET", "/messages/<int:message_id>", scope="messages:read", answer=schemas.Message)
def get_message(call: Call, message_id: int) -> schemas.Message | Problem:
    """One message."""
    return _message(call, message_id)


@operation(
    "POST", "/messages/<int:message_id>/retry", scope="messages:write", answer=schemas.Message, can_conflict=True
)
def retry_message(call: Call, message_id: int) -> schemas.Message | Problem:
    """Let a parked message go once more; it passes every check again. One that may have gone could go twice."""
    found = _message(call, message_id)
    if isinstance(found, Problem):
        return found
    if not parked.retry(call.session, call.shop_id, message_id):
        return Problem("conflict", "It isn't parked, or would come too late to be useful.")
    call.note(Action.MESSAGE_REPEATED, message=message_id)
    return _message(call, message_id)


@operation("POST", "/messages/<int:message_id>/drop", scope="messages:write", answer=schemas.Message, can_conflict=True)
def drop_message(call: Call, message_id: int) -> schemas.Message | Problem:
    """Give a parked message up."""
    found = _message(call, message_id)
    if isinstance(found, Problem):
        return found
    if not parked.drop(call.session, call.shop_id, message_id):
        return Problem("conflict", "It isn't parked.")
    call.note(Action.MESSAGE_CANCELLED, message=message_id)
    return _message(call, message_id)


def _message(call: Call, message_id: int) -> schemas.Message | Problem:
    row = queries.one(call.session, call.shop_id, queries.MESSAGE, "m", message_id)
    return Problem("not_found") if row is None else schemas.Message.model_validate(row)


@operation("GET", "/journeys", scope="journeys:read", answer=schemas.Journeys)
def list_journeys(call: Call) -> schemas.Journeys:
    """Every journey, the most important first."""
    rows = queries.journeys(call.session, call.shop_id)
    return schemas.Journeys(data=[schemas.Journey.model_validate(row) for row in rows])


@operation("GET", "/journeys/<key>", scope="journeys:read", answer=schemas.Journey)
def get_journey(call: Call, key: str) -> schemas.Journey | Problem:
    """One journey."""
    return _journey(call, key)


@operation("POST", "/journeys/<key>/on", scope="journeys:write", answer=schemas.Journey)
def turn_journey_on(call: Call, key: str) -> schemas.Journey | Problem:
    """Let people enter from now on. One that is on stays on."""
    journey = journeys.locked(call.session, key)
    if journey is None:
        return Problem("not_found")
    if journeys.turn_on(call.session, journey):
        ring_after_commit(call.session, "plan")
    call.note(Action.JOURNEY_TURNED_ON, journey=key)
    return _journey(call, key)


@operation("POST", "/journeys/<key>/off", scope="journeys:write", answer=schemas.Journey)
def turn_journey_off(call: Call, key: str) -> schemas.Journey | Problem:
    """Nobody enters any more, and it ends for those under way: nothing more is sent."""
    journey = journeys.locked(call.session, key)
    if journey is None:
        return Problem("not_found")
    journeys.turn_off(call.session, journey)
    call.note(Action.JOURNEY_TURNED_OFF, journey=key)
    return _journey(call, key)


def _journey(call: Call, key: str) -> schemas.Journey | Problem:
    call.session.flush()
    rows = queries.journeys(call.session, call.shop_id, key)
    return schemas.Journey.model_validate(rows[0]) if rows else Problem("not_found")


@operation("GET", "/reports/figures", scope="reports:read", answer=schemas.Report, query=schemas.ReportQuery)
def get_figures(call: Call) -> schemas.Report | Problem:
    """What messages brought back and what became of them, in all and by day."""
    wanted: schemas.ReportQuery = call.query
    if not timedelta() <= wanted.last - wanted.first < LONGEST_REPORT:
        fault = Fault(pointer="/last", detail="Not before the first day, and at most 366 days in all")
        return Problem("bad_parameters", errors=[fault])
    found = reports.report(call.session, call.shop_id, Period(wanted.first, wanted.last, zone_of(call.shop.timezone)))
    return schemas.Report(
        first=wanted.first,
        last=wanted.last,
        currency=call.shop.currency,
        total=schemas.Figures.model_validate(found.total),
        by_day=[
            schemas.Day(day=day, figures=schemas.Figures.model_validate(figures))
            for day, figures in found.by_day.items()
        ],
    )


@operation("GET", "/settings", scope="settings:read", answer=schemas.Settings)
def get_settings(call: Call) -> schemas.Settings:
    """The shop, and what its merchant has set."""
    shop = call.shop
    return schemas.Settings(
        domain=shop.domain,
        name=shop.name,
        currency=shop.currency,
        timezone=shop.timezone,
        locale=shop.locale,
        settings=shop_settings.of(shop).model_dump(mode="json"),
    )
