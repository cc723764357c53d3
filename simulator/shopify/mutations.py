"""What the app may change through the Admin API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.clock import iso, parse_iso
from simulator.ids import gid, number_of
from simulator.shopify.bulk import BulkOperation
from simulator.shopify.connections import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.shopify.bulk import BulkOperations
    from simulator.shopify.connections import Connections
    from simulator.shopify.counter import Counter
    from simulator.shopify.executor import Resolver
    from simulator.store.models import Customer

CONSENT_INPUTS = frozenset({"SUBSCRIBED", "UNSUBSCRIBED", "PENDING"})
Answer = dict[str, Any]


class Mutations:
    """The mutations, by name."""

    def __init__(
        self,
        counter: Counter,
        connections: Connections,
        bulk: BulkOperations,
        uninstall: Callable[[], None],
    ) -> None:
        self._counter = counter
        self._connections = connections
        self._bulk = bulk
        self._uninstall = uninstall

    def resolvers(self) -> dict[str, dict[str, Resolver]]:
        """By type and field."""
        return {
            "Mutation": {
                "bulkOperationRunQuery": lambda _t, a, _c: self._run_bulk(a["query"]),
                "bulkOperationCancel": lambda _t, a, _c: self._cancel_bulk(a["id"]),
                "customerEmailMarketingConsentUpdate": lambda _t, a, _c: self._email_consent(a["input"]),
                "customerSmsMarketingConsentUpdate": lambda _t, a, _c: self._sms_consent(a["input"]),
                "webhookSubscriptionCreate": lambda _t, a, _c: self._subscribe(a["topic"], a["webhookSubscription"]),
                "webhookSubscriptionDelete": lambda _t, a, _c: self._unsubscribe(a["id"]),
                "tagsAdd": lambda _t, a, _c: self._tag(a["id"], a["tags"]),
                "tagsRemove": lambda _t, a, _c: self._untag(a["id"], a["tags"]),
                "appUninstall": lambda _t, _a, _c: self._remove_app(),
            }
        }

    def _run_bulk(self, query: str) -> Answer:
        started = self._bulk.start(query)
        if isinstance(started, BulkOperation):
            return {"bulkOperation": started, "userErrors": []}
        return {"bulkOperation": None, "userErrors": started}

    def _cancel_bulk(self, global_id: str) -> Answer:
        operation = self._bulk.cancel(global_id)
        errors = [] if operation else [_error(["id"], "Bulk operation does not exist")]
        return {"bulkOperation": operation, "userErrors": errors}

    def _email_consent(self, given: Answer) -> Answer:
        who, wanted = self._person(given["customerId"]), given["emailMarketingConsent"]
        if problem := _consent_problem(who, wanted, who.email if who else None, "emailMarketingConsent"):
            return {"customer": who, "userErrors": [problem]}
        if who:
            self._counter.set_email_consent(
                who, wanted["marketingState"].lower(), _moment(wanted), level=_level(wanted), unless_older=True
            )
        return {"customer": who, "userErrors": []}

    def _sms_consent(self, given: Answer) -> Answer:
        who, wanted = self._person(given["customerId"]), given["smsMarketingConsent"]
        if problem := _consent_problem(who, wanted, who.phone if who else None, "smsMarketingConsent"):
            return {"customer": who, "userErrors": [problem]}
        if who:
            self._counter.set_sms_consent(
                who,
                wanted["marketingState"].lower(),
                _moment(wanted),
                source="OTHER",
                level=_level(wanted),
                unless_older=True,
            )
        return {"customer": who, "userErrors": []}

    def _subscribe(self, topic: str, wanted: Answer) -> Answer:
        uri, ids = wanted.get("uri") or "", self._counter.store.ids
        if not uri:
            return {
                "webhookSubscription": None,
                "userErrors": [_error(["webhookSubscription", "uri"], "Address can't be blank")],
            }
        name = _topic_name(topic)
        if any(hook.topic == topic and hook.uri == uri for hook in self._connections.subscriptions.values()):
            return {
                "webhookSubscription": None,
                "userErrors": [_error(["webhookSubscription", "uri"], "Address for this topic has already been taken")],
            }
        hook = Subscription(
            id=ids.next("WebhookSubscription"),
            topic=topic,
            uri=uri,
            name=wanted.get("name"),
            filter=wanted.get("filter"),
            include_fields=wanted.get("includeFields") or [],
            created_at=iso(self._counter.clock.now()),
        )
        self._connections.subscriptions[hook.id] = hook
        self._counter.webhooks.extra[hook.id] = (name, uri, hook.name)
        return {"webhookSubscription": hook, "userErrors": []}

    def _unsubscribe(self, global_id: str) -> Answer:
        number = number_of(global_id) or 0
        if self._connections.subscriptions.pop(number, None) is None:
            return {
                "deletedWebhookSubscriptionId": None,
                "userErrors": [_error(["id"], "Webhook subscription does not exist")],
            }
        self._counter.webhooks.extra.pop(number, None)
        return {"deletedWebhookSubscriptionId": gid("WebhookSubscription", number), "userErrors": []}

    def _tag(self, global_id: str, tags: list[str]) -> Answer:
        who = self._person(global_id)
        if who is None:
            return {"node": None, "userErrors": [_error(["id"], "Node does not exist")]}
        self._counter.tag(who, tags)
        return {"node": who, "userErrors": []}

    def _untag(self, global_id: str, tags: list[str]) -> Answer:
        who = self._person(global_id)
        if who is None:
            return {"node": None, "userErrors": [_error(["id"], "Node does not exist")]}
        self._counter.untag(who, tags)
        return {"node": who, "userErrors": []}

    def _remove_app(self) -> Answer:
        self._uninstall()
        return {"app": None, "userErrors": []}

    def _person(self, global_id: str) -> Customer | None:
        who = self._counter.store.customers.get(number_of(global_id) or 0)
        return who if who and not who.deleted else None


def _consent_problem(who: Customer | None, wanted: Answer, contact: str | None, name: str) -> Answer | None:
    if who is None:
        return _error(["input", "customerId"], "Customer not found", "INVALID")
    if not contact:
        return _error(["input", "customerId"], "Customer must have contact information for this channel", "INVALID")
    if wanted["marketingState"] not in CONSENT_INPUTS:
        return _error(["input", name, "marketingState"], "Marketing state is invalid", "INVALID")
    return None


def _moment(wanted: Answer) -> Any:
    return parse_iso(wanted["consentUpdatedAt"]) if wanted.get("consentUpdatedAt") else None


def _level(wanted: Answer) -> str:
    return str(wanted.get("marketingOptInLevel") or "SINGLE_OPT_IN").lower()


def _error(field: list[str], message: str, code: str | None = None) -> Answer:
    return {"field": field, "message": message, "code": code}


def _topic_name(topic: str) -> str:
    """`ORDERS_CREATE` is `orders/create`."""
    words = topic.lower()
    if words.startswith("customer_"):
        return words.replace("_", ".", 1)
    resource, _, action = words.rpartition("_")
    return f"{resource}/{action}"
