"""Customers, their consent, and addresses that are never written to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.api import queries, schemas
from app.api.calls import operation
from app.api.pages import page
from app.api.problems import Fault, Problem
from app.customers import service as customers
from app.customers.queries import consent_states, profiles
from app.customers.rules import LEDGER_CHANNELS
from app.journeys import service as journeys
from app.messages import permission
from app.privacy import service as privacy
from app.privacy.audit import Action

if TYPE_CHECKING:
    from app.api.calls import Call
    from app.customers.queries import Profile


@operation("GET", "/customers", scope="customers:read", answer=schemas.Customers, query=schemas.CustomerQuery)
def list_customers(call: Call) -> schemas.Customers:
    """Customers, newest first; or those with an email address, a phone number, or the store's id."""
    wanted: schemas.CustomerQuery = call.query
    conditions = {
        "c.email": wanted.email.strip().lower() if wanted.email else None,
        "c.phone": wanted.phone,
        "c.external_id": wanted.external_id,
    }
    found = page(call, queries.CUSTOMER, "c", conditions, schemas.Customers)
    call.note(Action.PEOPLE_LISTED, page="api")
    return found


@operation("GET", "/customers/<int:customer_id>", scope="customers:read", answer=schemas.Customer)
def get_customer(call: Call, customer_id: int) -> schemas.Customer | Problem:
    """One customer."""
    row = queries.one(call.session, call.shop_id, queries.CUSTOMER, "c", customer_id)
    if row is None:
        return Problem("not_found")
    call.note(Action.PERSON_VIEWED, customer=customer_id)
    return schemas.Customer.model_validate(row)


@operation(
    "POST", "/customers/<int:customer_id>/suppress", scope="customers:write", answer=schemas.Suppressed,
    body=schemas.SuppressGiven,
)  # fmt: skip
def suppress_customer(call: Call, customer_id: int) -> schemas.Suppressed | Problem:
    """Never write to this person's addresses again, whoever they belong to later. Order messages stop as well."""
    person = _person(call, customer_id)
    if person is None:
        return Problem("not_found")
    channels = customers.suppress_person(call.session, person.addresses, call.body.channels, "api")
    call.note(Action.SUPPRESSION_ADDED, customer=customer_id, after={"channels": channels})
    return schemas.Suppressed(customer_id=customer_id, channels=channels)


@operation("POST", "/customers/<int:customer_id>/exclude", scope="customers:write", answer=schemas.Excluded)
def exclude_customer(call: Call, customer_id: int) -> schemas.Excluded | Problem:
    """Take this person out of every journey they are under way in. They may enter again by a new occasion."""
    if _person(call, customer_id) is None:
        return Problem("not_found")
    ended, cancelled = journeys.exclude(call.session, customer_id)
    after = {"journeys": ended, "messages": cancelled}
    call.note(Action.CUSTOMER_EXCLUDED, customer=customer_id, after=after)
    return schemas.Excluded(customer_id=customer_id, journeys_ended=ended, messages_cancelled=cancelled)


@operation(
    "POST", "/customers/<int:customer_id>/erase", scope="customers:write", answer=schemas.ErasureAsked, status=202,
    can_conflict=True,
)  # fmt: skip
def erase_customer(call: Call, customer_id: int) -> schemas.ErasureAsked | Problem:
    """Erase everything personal about this person, here and at the providers. There is no way back."""
    row = queries.one(call.session, call.shop_id, queries.CUSTOMER, "c", customer_id)
    if row is None:
        return Problem("not_found")
    if row.erased_at is not None:
        return Problem("conflict", "This person was erased already.")
    request_id = privacy.list_erasure(
        call.session, email=row.email, phone=row.phone, customer_id=row.external_id, actor=f"key:{call.key_id}"
    )
    call.note(Action.ERASURE_ASKED, customer=customer_id, request=request_id)
    return schemas.ErasureAsked(request_id=request_id, customer_id=customer_id)


@operation(
    "GET", "/customers/<int:customer_id>/consent", scope="consent:read",
    answer=schemas.ConsentLedger, query=schemas.PageQuery,
)  # fmt: skip
def list_consent(call: Call, customer_id: int) -> schemas.ConsentLedger | Problem:
    """Every word of this person on marketing. The one with the latest `effective_at` counts, for each channel."""
    if _person(call, customer_id) is None:
        return Problem("not_found")
    call.note(Action.PERSON_VIEWED, customer=customer_id)
    return page(call, queries.CONSENT, "e", {"e.customer_id": customer_id}, schemas.ConsentLedger)


@operation(
    "POST", "/customers/<int:customer_id>/consent", scope="consent:write", answer=schemas.ConsentRecorded, status=201,
    body=schemas.ConsentGiven,
)  # fmt: skip
def record_consent(call: Call, customer_id: int) -> schemas.ConsentRecorded | Problem:
    """Write down what this person said about marketing on a channel. Words are only ever added."""
    given: schemas.ConsentGiven = call.body
    if _person(call, customer_id) is None:
        return Problem("not_found")
    if given.effective_at > call.now:
        fault = Fault(pointer="/effective_at", detail="This lies in the future")
        return Problem("bad_body", errors=[fault])
    word = customers.Word(
        customer_id, given.channel, given.state, given.effective_at, "api", double_opt_in=given.double_opt_in
    )
    customers.consent(call.session, [word])
    call.note(Action.CONSENT_CHANGED, customer=customer_id, after={"channel": given.channel, "state": given.state})
    now = consent_states(call.session, call.shop_id, [customer_id])
    states = [
        schemas.ConsentState.model_validate({"channel": c, "state": now.get((customer_id, c), "never_asked")})
        for c in LEDGER_CHANNELS
    ]
    return schemas.ConsentRecorded(customer_id=customer_id, states=states)


@operation("GET", "/customers/<int:customer_id>/permission", scope="consent:read", answer=schemas.Permission)
def may_we_write(call: Call, customer_id: int) -> schemas.Permission | Problem:
    """Whether this person may be written to, for each channel and purpose: the same answer the messages get."""
    found = permission.of_person(call.session, customer_id)
    if found is None:
        return Problem("not_found")
    call.note(Action.PERSON_VIEWED, customer=customer_id)
    return schemas.Permission.model_validate(found)


@operation(
    "GET", "/suppressions", scope="suppressions:read", answer=schemas.Suppressions,
    query=schemas.PageQuery,
)  # fmt: skip
def list_suppressions(call: Call) -> schemas.Suppressions:
    """Addresses that are never written to, and why."""
    return page(call, queries.SUPPRESSION, "s", {}, schemas.Suppressions)


def _person(call: Call, customer_id: int) -> Profile | None:
    return profiles(call.session, call.shop_id, [customer_id]).get(customer_id)
