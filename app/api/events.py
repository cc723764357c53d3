"""What happened, and who is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.api import event_schemas as schemas, queries
from app.api.calls import operation
from app.api.pages import page
from app.api.problems import Fault, Problem
from app.api.schemas import PageQuery
from app.hooks import service as hooks
from app.privacy.audit import Action

if TYPE_CHECKING:
    from app.api.calls import Call
    from app.hooks.models import Hook

URL_FAULTS: Final = {
    "not_a_url": "This isn't an address",
    "not_https": "It has to begin with https://",
    "has_login": "Leave the name and password out",
    "port_refused": "Use the usual port, or one above 1023",
}


@operation("GET", "/events", scope="events:read", answer=schemas.Events, query=schemas.EventQuery)
def list_events(call: Call) -> schemas.Events:
    """What happened in the last 30 days, newest first, as subscribers were told."""
    wanted: schemas.EventQuery = call.query
    return page(call, queries.EVENT, "e", {"e.kind": wanted.kind, "e.customer_id": wanted.customer_id}, schemas.Events)


@operation("GET", "/webhooks", scope="webhooks:read", answer=schemas.Webhooks)
def list_webhooks(call: Call) -> schemas.Webhooks:
    """Every subscription."""
    found = hooks.everyone(call.session, call.shop_id)
    return schemas.Webhooks(data=[schemas.Webhook.model_validate(hook) for hook in found])


@operation(
    "POST", "/webhooks", scope="webhooks:write", answer=schemas.WebhookSecret, status=201, body=schemas.WebhookGiven,
    can_conflict=True,
)  # fmt: skip
def make_webhook(call: Call) -> schemas.WebhookSecret | Problem:
    """Subscribe an address to events. The secret that signs them is told in this answer only."""
    given: schemas.WebhookGiven = call.body
    if wrong := _wrong(given.url):
        return wrong
    made = hooks.make(call.session, given.url, given.kinds, f"key:{call.key_id}")
    if isinstance(made, hooks.TooMany):
        return Problem("too_many_webhooks")
    call.note(Action.HOOK_MADE, hook=made.id, after={"kinds": made.kinds})
    return schemas.WebhookSecret(webhook=schemas.Webhook.model_validate(made), secret=made.secret)


@operation("GET", "/webhooks/<int:hook_id>", scope="webhooks:read", answer=schemas.Webhook)
def get_webhook(call: Call, hook_id: int) -> schemas.Webhook | Problem:
    """One subscription."""
    hook = hooks.find(call.session, hook_id)
    return _told(hook) if hook else Problem("not_found")


@operation(
    "PATCH", "/webhooks/<int:hook_id>", scope="webhooks:write", answer=schemas.Webhook, body=schemas.WebhookChange
)
def change_webhook(call: Call, hook_id: int) -> schemas.Webhook | Problem:
    """Give a subscription another address or other events, turn it off, or on again."""
    given: schemas.WebhookChange = call.body
    hook = hooks.find(call.session, hook_id)
    if hook is None:
        return Problem("not_found")
    if given.url is not None and (wrong := _wrong(given.url)):
        return wrong
    hooks.change(hook, url=given.url, kinds=given.kinds, on=given.on)
    call.note(Action.HOOK_CHANGED, hook=hook_id, after={"kinds": hook.kinds, "state": hook.state})
    return _told(hook)


@operation("DELETE", "/webhooks/<int:hook_id>", scope="webhooks:write", answer=schemas.WebhookRemoved)
def remove_webhook(call: Call, hook_id: int) -> schemas.WebhookRemoved | Problem:
    """End a subscription; what wasn't delivered to it yet is dropped."""
    hook = hooks.find(call.session, hook_id)
    if hook is None:
        return Problem("not_found")
    hooks.remove(call.session, hook)
    call.note(Action.HOOK_REMOVED, hook=hook_id)
    return schemas.WebhookRemoved(id=hook_id)


@operation("POST", "/webhooks/<int:hook_id>/secret", scope="webhooks:write", answer=schemas.WebhookSecret)
def change_webhook_secret(call: Call, hook_id: int) -> schemas.WebhookSecret | Problem:
    """Change the secret. For 24 hours both sign, so that you can change over without a gap."""
    hook = hooks.find(call.session, hook_id)
    if hook is None:
        return Problem("not_found")
    secret = hooks.new_secret(hook)
    call.note(Action.HOOK_SECRET_CHANGED, hook=hook_id)
    return schemas.WebhookSecret(webhook=_told(hook), secret=secret)


@operation("POST", "/webhooks/<int:hook_id>/test", scope="webhooks:write", answer=schemas.EventSent, status=202)
def test_webhook(call: Call, hook_id: int) -> schemas.EventSent | Problem:
    """Send an event of the kind `webhook.test`, which means nothing."""
    hook = hooks.find(call.session, hook_id)
    if hook is None:
        return Problem("not_found")
    event_id = hooks.test(call.session, hook)
    call.note(Action.TEST_SENT, hook=hook_id)
    return schemas.EventSent(event_id=event_id, webhook_id=f"evt_{event_id}")


@operation(
    "GET", "/webhooks/<int:hook_id>/deliveries", scope="webhooks:read", answer=schemas.WebhookDeliveries,
    query=PageQuery,
)  # fmt: skip
def list_webhook_deliveries(call: Call, hook_id: int) -> schemas.WebhookDeliveries | Problem:
    """How telling went, newest first."""
    if hooks.find(call.session, hook_id) is None:
        return Problem("not_found")
    return page(call, queries.DELIVERY, "d", {"d.hook_id": hook_id}, schemas.WebhookDeliveries)


@operation(
    "POST", "/webhook-deliveries/<int:delivery_id>/again", scope="webhooks:write", answer=schemas.EventSent, status=202
)
def send_event_again(call: Call, delivery_id: int) -> schemas.EventSent | Problem:
    """Tell an event once more, under the same `webhook-id`."""
    event_id = hooks.again(call.session, delivery_id)
    if event_id is None:
        return Problem("not_found")
    call.note(Action.EVENT_SENT_AGAIN, event=event_id)
    return schemas.EventSent(event_id=event_id, webhook_id=f"evt_{event_id}")


def _wrong(url: str) -> Problem | None:
    code = hooks.fault(url)
    if code is None:
        return None
    return Problem("bad_body", errors=[Fault(pointer="/url", detail=URL_FAULTS.get(code, code))])


def _told(hook: Hook) -> schemas.Webhook:
    return schemas.Webhook.model_validate(hook)
