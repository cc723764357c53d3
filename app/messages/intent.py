"""The transaction before the call: gates run on fresh facts, the message is rendered, the intent is written down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from app import clock
from app.channels.base import Account, Outbound
from app.conditions import Condition
from app.content.faults import TemplateFault
from app.customers.queries import profiles
from app.decisions import Decided, log
from app.messages import quiet
from app.messages.accounts import account_for
from app.messages.claiming import LEASE
from app.messages.compose import Composed, Envelope, Language, compiled, compose
from app.messages.context import Contexts
from app.messages.models import MessageContent
from app.messages.rules import WEEK, Asked, Defer, Go, Limits, Skip, Verdict, gate
from app.orders.subjects import Ref, Subject, load as load_subjects
from app.reviews.models import ReviewAsk
from app.shops import service as shops, settings as shop_settings
from app.transaction import transaction
from app.upsert import upsert

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.customers.queries import Profile
    from app.shops.models import Shop
    from app.shops.settings import ShopSettings
    from config import Settings

UNANSWERED_WAIT = timedelta(minutes=2)
"""How long to wait when the store could not be asked whether the checkout was bought."""
UNANSWERED_TRIES = 3


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask the store before a message about a basket goes out."""

    message_id: int
    checkout_token: str | None
    email: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Intent:
    """A message that is `sending`: the call may be made."""

    message_id: int
    attempt_id: int
    customer_id: int
    journey_id: int | None
    enrolment_id: int | None
    step: str
    channel: str
    provider: str
    account: Account
    outbound: Outbound
    tries: int
    useful_until: datetime


def worth_asking(shop_id: int, ids: Sequence[int]) -> list[Question]:
    """Messages about a basket, and what identifies its order at the store."""
    with transaction(shop_id) as session:
        rows = session.execute(
            text("""
                SELECT m.id, k.token, p.email, LEAST(COALESCE(k.created_at, c.created_at), m.since) AS since
                FROM message m
                JOIN customer p ON p.shop_id = m.shop_id AND p.id = m.customer_id
                LEFT JOIN checkout k ON m.subject_kind = 'checkout' AND k.shop_id = m.shop_id
                    AND k.id = m.subject_key::bigint
                LEFT JOIN cart c ON m.subject_kind = 'cart' AND c.shop_id = m.shop_id AND c.id = m.subject_key::bigint
                WHERE m.shop_id = :shop AND m.id = ANY(:ids) AND m.subject_kind IN ('checkout', 'cart')
            """),
            {"shop": shop_id, "ids": list(ids)},
        )
        return [Question(r.id, r.token, r.email, r.since) for r in rows]


def intend(
    settings: Settings, shop_id: int, ids: Sequence[int], token: int, bought: Mapping[int, bool | None]
) -> list[Intent]:
    """Run the gates for claimed messages and commit the intent to send for those that may go."""
    with transaction(shop_id) as session:
        return _Batch(settings, session).run(ids, token, bought)


class _Batch:
    """One chunk of one shop, in one transaction."""

    def __init__(self, settings: Settings, session: Session) -> None:
        self.settings, self.session = settings, session
        self.shop: Shop = shops.get(session)
        self.chosen: ShopSettings = shop_settings.of(self.shop)
        self.now = clock.now()
        self.accounts: dict[str, Account | None] = {}
        self.decided: list[Decided] = []
        self.changes: list[dict[str, Any]] = []
        self.contents: list[dict[str, Any]] = []
        self.asks: list[dict[str, Any]] = []

    def run(self, ids: Sequence[int], token: int, bought: Mapping[int, bool | None]) -> list[Intent]:
        messages = self._lock(ids, token)
        if not messages:
            return []
        people = profiles(self.session, self.shop.id, {m.customer_id for m in messages})
        refs = {m.id: Ref(m.subject_kind, m.subject_key, m.customer_id, m.since) for m in messages}
        subjects = load_subjects(self.session, set(refs.values()))
        contexts = Contexts(self.session, self.shop, self.chosen, self.settings.public_url)
        contexts.prepare(subjects.values())
        recent = self._recent(people)
        attempts = iter(self._attempt_ids(len(messages)))
        intents = []
        # The most important first: when a person may get only one of these, it is that one.
        for message in sorted(messages, key=lambda m: (-m.priority, m.due_at, m.id)):
            person, subject = people[message.customer_id], subjects[refs[message.id]]
            sent = recent.setdefault((person.id, message.channel), [])
            verdict = self._ask(message, person, subject, sent, bought.get(message.id, False))
            if not isinstance(verdict, Go):
                self._held_back(message, verdict)
                continue
            intent = self._compose(message, person, refs[message.id], subject, contexts, next(attempts))
            if intent is not None:
                intents.append(intent)
                if message.purpose == "marketing":
                    sent.append(self.now)
        self._write(intents)
        return intents

    def _lock(self, ids: Sequence[int], token: int) -> Sequence[Any]:
        """The messages that are still ours; and their people, so that two workers can't write to one at once."""
        session, shop_id = self.session, self.shop.id
        session.execute(
            text(
                "SELECT id FROM customer WHERE shop_id = :shop AND id IN "
                "(SELECT customer_id FROM message WHERE shop_id = :shop AND id = ANY(:ids)) "
                "ORDER BY id FOR NO KEY UPDATE"
            ),
            {"shop": shop_id, "ids": list(ids)},
        )
        return session.execute(
            text("""
                SELECT m.*, t.source FROM message m
                JOIN template t ON t.shop_id = m.shop_id AND t.id = m.template_id
                WHERE m.shop_id = :shop AND m.id = ANY(:ids) AND m.state = 'claimed' AND m.lease_token = :token
                    AND m.lease_until > clock_timestamp()
                ORDER BY m.id FOR UPDATE OF m
            """),
            {"shop": shop_id, "ids": list(ids), "token": token},
        ).all()

    def _recent(self, people: Mapping[int, Profile]) -> dict[tuple[int, str], list[datetime]]:
        """When these people got marketing in the last week, or may have: an open outcome counts as sent."""
        rows = self.session.execute(
            text("""
                SELECT customer_id, channel, COALESCE(accepted_at, updated_at) AS at FROM message
                WHERE shop_id = :shop AND customer_id = ANY(:ids) AND purpose = 'marketing' AND (
                    accepted_at > :since OR state IN ('sending', 'unknown'))
            """),
            {"shop": self.shop.id, "ids": sorted(people), "since": self.now - WEEK},
        )
        recent: dict[tuple[int, str], list[datetime]] = {}
        for row in rows:
            recent.setdefault((row.customer_id, row.channel), []).append(row.at)
        return recent

    def _attempt_ids(self, count: int) -> list[int]:
        rows = self.session.execute(
            text("SELECT nextval(pg_get_serial_sequence('attempt', 'id')) AS id FROM generate_series(1, :n)"),
            {"n": count},
        )
        return [row.id for row in rows]

    def _ask(
        self,
        message: Any,
        person: Profile,
        subject: Subject,
        sent: Sequence[datetime],
        bought: bool | None,  # noqa: FBT001 the store's answer
    ) -> Verdict:
        if bought is None and message.tries + 1 < UNANSWERED_TRIES:
            return Defer(self.now + UNANSWERED_WAIT, "store_unreachable")
        fields = {**person.fields, **subject.fields}
        if bought:
            fields["bought"] = True
        return gate(
            Asked(
                channel=message.channel,
                purpose=message.purpose,
                audience=message.audience,
                useful_until=message.useful_until,
                shop_active=self.shop.active,
                shop_stopped=self.chosen.stopped,
                unreachable=person.unreachable.get(message.channel),
                consent=person.consent.get(message.channel),
                fields=fields,
                only_if=[
                    Condition.model_validate(c)
                    for c in message.conditions.get("only_if", ())
                    if "." not in c["field"] or c["field"] in fields
                ],
                exits=[
                    ([Condition.model_validate(c) for c in x["if"]], x["reason"])
                    for x in message.conditions.get("exits", ())
                ],
                zones=quiet.zones_of(
                    person.country,
                    person.province,
                    person.addresses.get("sms") if message.channel == "sms" else None,
                    self.shop.timezone,
                ),
                limits=self._limits(message.channel),
                sent_at=sent,
            ),
            self.now,
        )

    def _limits(self, channel: str) -> Limits:
        hours, limits = self.chosen.quiet_hours, self.chosen.limits
        window, cap = (
            (limits.sms_window_hours, limits.sms_per_week)
            if channel == "sms"
            else (limits.email_window_hours, limits.email_per_week)
        )
        return Limits(
            timedelta(hours=window),
            cap,
            time.fromisoformat(hours.start) if hours.enabled else None,
            time.fromisoformat(hours.end),
        )

    def _compose(
        self, message: Any, person: Profile, ref: Ref, subject: Subject, contexts: Contexts, attempt_id: int
    ) -> Intent | None:
        account = self._account(message.channel)
        if account is None:
            self._held_back(message, Skip("no_provider", "parked"))
            return None
        template = compiled(message.channel, message.source)
        wants = template.variables if not isinstance(template, TemplateFault) else ()
        context = contexts.build(message.id, ref, subject, person, wants)
        envelope = self._envelope(message, person, attempt_id)
        language = Language(
            person.locale or self.shop.locale,
            self._currency(subject),
            quiet.zones_of(person.country, person.province, None, self.shop.timezone)[0],
        )
        composed = compose(envelope, message.source, context, language)
        if not isinstance(composed, Composed):
            self._held_back(
                message, Skip("template_error", "parked"), {"line": composed.line, "message": composed.message}
            )
            return None
        self.contents.append(
            {
                "message_id": message.id,
                "links": list(composed.links),
                "rendered_at": self.now,
                "context": {"data": context, "language": [language.locale, language.currency, language.zone]},
            }
        )
        if any(name.startswith("review") for name in wants):
            self._asked_to_review(message, subject)
        return Intent(
            message.id,
            attempt_id,
            message.customer_id,
            message.journey_id,
            message.enrolment_id,
            message.step,
            message.channel,
            account.provider,
            account,
            composed.outbound,
            message.tries + 1,
            message.useful_until,
        )

    def _envelope(self, message: Any, person: Profile, attempt_id: int) -> Envelope:
        sender = self.chosen.sender
        return Envelope(
            shop_id=self.shop.id,
            message_id=message.id,
            attempt_id=attempt_id,
            channel=message.channel,
            purpose=message.purpose,
            address=person.addresses[message.channel],
            name=" ".join(part for part in (person.first_name, person.last_name) if part),
            sender=sender.email or self.settings.sender_email or f"store@{self.shop.domain}",
            sender_name=sender.name or self.shop.name or self.shop.domain,
            reply_to=sender.reply_to or self.shop.email,
            public_url=self.settings.public_url,
            seconds_useful=max(60, int((message.useful_until - self.now).total_seconds())),
        )

    def _account(self, channel: str) -> Account | None:
        if channel not in self.accounts:
            self.accounts[channel] = account_for(self.session, channel)
        return self.accounts[channel]

    def _currency(self, subject: Subject) -> str:
        return getattr(subject.row, "currency", None) or self.shop.currency

    def _asked_to_review(self, message: Any, subject: Subject) -> None:
        self.asks += [
            {
                "customer_id": message.customer_id,
                "order_id": subject.row.id,
                "product_external_id": str(line["product_id"]),
                "asked_at": self.now,
            }
            for line in subject.to_review
        ]

    def _held_back(self, message: Any, verdict: Skip | Defer, detail: Mapping[str, Any] | None = None) -> None:
        deferred = isinstance(verdict, Defer)
        outcome = "deferred" if isinstance(verdict, Defer) else verdict.state
        self.changes.append(
            {
                "id": message.id,
                "state": outcome,
                "reason": verdict.reason,
                "attempt_id": None,
                "provider": None,
                "due_at": verdict.until if isinstance(verdict, Defer) else message.due_at,
                "tries": message.tries + (verdict.reason == "store_unreachable"),
                "leased": False,
            }
        )
        extra = {"until": verdict.until.isoformat()} if isinstance(verdict, Defer) else dict(detail or {})
        if not (deferred and message.reason == verdict.reason):  # waiting on for the same reason isn't news
            self.decided.append(
                Decided(
                    message.customer_id,
                    message.step,
                    outcome,
                    verdict.reason,
                    self.now,
                    message.journey_id,
                    message.enrolment_id,
                    message.id,
                    detail=extra,
                )
            )

    def _write(self, intents: Sequence[Intent]) -> None:
        self.changes += [
            {
                "id": i.message_id,
                "state": "sending",
                "reason": None,
                "attempt_id": i.attempt_id,
                "provider": i.provider,
                "due_at": None,
                "tries": i.tries,
                "leased": True,
            }
            for i in intents
        ]
        parameters = {
            "shop": self.shop.id,
            "now": self.now,
            "lease": LEASE,
            "rows": orjson.dumps(self.changes).decode(),
        }
        self.session.execute(
            text("""
                UPDATE message m SET state = r.state, reason = r.reason, attempt_id = r.attempt_id,
                    provider = COALESCE(r.provider, m.provider), due_at = COALESCE(r.due_at, m.due_at),
                    tries = r.tries, updated_at = :now,
                    lease_token = CASE WHEN r.leased THEN m.lease_token END,
                    lease_until = CASE WHEN r.leased THEN clock_timestamp() + CAST(:lease AS interval) END
                FROM json_to_recordset(CAST(:rows AS json)) AS r (id bigint, state text, reason text,
                    attempt_id bigint, provider text, due_at timestamptz, tries bigint, leased boolean)
                WHERE m.shop_id = :shop AND m.id = r.id
            """),
            parameters,
        )
        if intents:
            self.session.execute(
                text(
                    "INSERT INTO attempt (shop_id, id, message_id, provider, begun_at) "
                    "SELECT :shop, r.attempt_id, r.id, r.provider, clock_timestamp() "
                    "FROM json_to_recordset(CAST(:rows AS json)) AS r (id bigint, attempt_id bigint, provider text) "
                    "WHERE r.attempt_id IS NOT NULL"
                ),
                parameters,
            )
            upsert(
                self.session,
                MessageContent,
                self.contents,
                key=("message_id",),
                newer="true",
                returning=("message_id",),
            )
        if self.asks:
            upsert(
                self.session,
                ReviewAsk,
                list({(a["order_id"], a["product_external_id"]): a for a in self.asks}.values()),
                key=("customer_id", "product_external_id", "order_id"),
                newer="false",
            )
        log(self.session, self.decided)
