"""The transaction before the call: gates run on fresh facts, the message is rendered, the intent is written down."""

from __future__ import annotations

import logging
from dataclasses import astuple, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from app import clock, faults
from app.brakes.chunk import Brakes
from app.brakes.rules import Hold
from app.channels.base import Account, OutboundText
from app.content import localise
from app.content.faults import TemplateFault
from app.customers.queries import profiles
from app.decisions import Decided, log
from app.messages.accounts import Ways
from app.messages.asking import Asker
from app.messages.calls import AT_ONCE, grouped
from app.messages.compose import Composed, Envelope, Language, compose
from app.messages.context import Contexts
from app.messages.hearing import Heard, by_importance, heard_lately
from app.messages.models import MessageContent
from app.messages.rules import Defer, Go, Skip, Verdict, gate, held
from app.messages.templates import templates
from app.orders.subjects import Ref, Subject, load as load_subjects
from app.reviews.models import ReviewAsk
from app.shops import service as shops, settings as shop_settings
from app.transaction import transaction
from app.upsert import upsert

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from app.channels.base import Outbound
    from app.customers.queries import Profile
    from app.messages.calls import Call
    from app.messages.templates import Compiled, Wanted
    from app.shops.models import Shop
    from config import Settings

logger = logging.getLogger(__name__)


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
    repeated: bool
    """Whether an earlier hand-over may have been taken."""
    words: str
    """The language of our own words in it."""
    useful_until: datetime
    reserved: tuple[date, int] | None = None
    """What was taken out of the purse for it: of which day, how many micro-dollars."""


@dataclass(frozen=True, slots=True)
class Faulty:
    """The template can't be rendered; its author needs the line."""

    part: str
    line: int
    message: str
    reason: str = "template_error"
    state: str = "parked"


def intend(
    settings: Settings, shop_id: int, ids: Sequence[int], token: int, bought: Mapping[int, bool | None]
) -> tuple[list[Call], list[int]]:
    """Run the gates for claimed messages and commit the intent to send for those that may go.

    A message whose data the database refuses is found and parked; the others go on.

    Returns:
        The calls to make now, and the messages that would need more calls than can be made at once: those are left
        as they were, still claimed.
    """
    try:
        with transaction(shop_id) as session:
            plan = _Batch(settings, session).run(ids, token, bought)
            faults.point("before_intent_commit")
    except OperationalError:
        raise  # the database is away: nothing is wrong with the messages
    except DBAPIError as error:
        logger.warning("intent_failed", extra={"shop": shop_id, "messages": len(ids)}, exc_info=True)
        if len(ids) == 1:
            _park(shop_id, ids[0], token, error)
            return [], []
    else:
        return plan
    alone = (intend(settings, shop_id, [one], token, bought)[0] for one in ids[:AT_ONCE])
    return [call for calls in alone for call in calls], list(ids[AT_ONCE:])


def _park(shop_id: int, message_id: int, token: int, error: DBAPIError) -> None:
    with transaction(shop_id) as session:
        session.execute(
            text(
                "UPDATE message SET state = 'parked', reason = :reason, lease_token = NULL, lease_until = NULL, "
                "updated_at = :now WHERE shop_id = :shop AND id = :id AND state = 'claimed' AND lease_token = :token"
            ),
            {
                "shop": shop_id,
                "id": message_id,
                "token": token,
                "now": clock.now(),
                "reason": f"error:{type(error.orig).__name__}",
            },
        )


class _Batch:
    """One chunk of one shop, in one transaction."""

    def __init__(self, settings: Settings, session: Session) -> None:
        self.settings, self.session = settings, session
        self.shop: Shop = shops.get(session)
        self.now = clock.now()
        self.sender = shop_settings.sender_of(self.shop, settings.sender_email)
        domain = shop_settings.sending_domain(self.shop, settings.sender_email)
        self.brakes = Brakes(session, self.shop, domain, self.now)
        self.asker = Asker(self.shop, self.brakes)
        self.ways = Ways(session)
        self.templates: Mapping[Wanted, Compiled] = {}
        self.decided: list[Decided] = []
        self.changes: list[dict[str, Any]] = []
        self.contents: dict[int, dict[str, Any]] = {}
        self.asks: dict[int, list[dict[str, Any]]] = {}

    def run(self, ids: Sequence[int], token: int, bought: Mapping[int, bool | None]) -> tuple[list[Call], list[int]]:
        messages = self._lock(ids, token)
        if not messages:
            return [], []
        self.brakes.people = [m.customer_id for m in messages if m.channel == "sms"]
        people = profiles(self.session, self.shop.id, {m.customer_id for m in messages})
        contents = {self._wanted(m, people[m.customer_id]): (m.channel, bytes(m.digest)) for m in messages}
        self.templates = templates(self.session, contents)
        refs = {m.id: Ref(m.subject_kind, m.subject_key, m.customer_id, m.since) for m in messages}
        subjects = load_subjects(self.session, set(refs.values()))
        contexts = Contexts(self.session, self.shop, self.asker.chosen, self.settings.public_url)
        contexts.prepare(subjects.values())
        recent = heard_lately(self.session, people, ids, self.now)
        attempts = iter(self._attempt_ids(len(messages)))
        intents: list[Intent] = []
        for message in sorted(messages, key=by_importance):
            person, ref = people[message.customer_id], refs[message.id]
            heard = recent.setdefault(person.id, Heard())
            try:
                asked = self.asker.asked(message, person, subjects[ref], heard, bought=bought.get(message.id, False))
                verdict: Verdict | Intent | Faulty = gate(asked, self.now)
                if isinstance(verdict, Go):
                    hold = self.brakes.against_more(message.channel, message.purpose, person)
                    verdict = held(hold, asked) if hold else verdict
                if isinstance(verdict, Go):
                    verdict = self._compose(message, person, ref, subjects[ref], contexts, next(attempts))
                if isinstance(verdict, Intent) and isinstance(verdict.outbound, OutboundText):
                    cost = self.brakes.reserve(person, verdict.outbound.text)
                    verdict = held(cost, asked) if isinstance(cost, Hold) else replace(verdict, reserved=cost)
            except DBAPIError:
                raise
            except Exception as error:  # one message's oddity must not hold up the others: it is parked
                logger.warning("message_failed", extra={"message_id": message.id}, exc_info=True)
                verdict = Skip(f"error:{type(error).__name__}", "parked")
            if isinstance(verdict, Intent):
                intents.append(verdict)
                heard.goes(message, self.now)
            else:
                self._held_back(message, verdict)
        calls = grouped(intents)
        going = [intent for call in calls for intent in call.intents]
        for intent in going:
            self.brakes.let_go(intent.customer_id, intent.outbound, intent.reserved)
        self._write(going)
        promised = {intent.message_id for intent in going}
        return calls, [intent.message_id for intent in intents if intent.message_id not in promised]

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
                SELECT m.*, t.digest FROM message m
                JOIN template t ON t.shop_id = m.shop_id AND t.id = m.template_id
                WHERE m.shop_id = :shop AND m.id = ANY(:ids) AND m.state = 'claimed' AND m.lease_token = :token
                    AND m.lease_until > clock_timestamp()
                ORDER BY m.id FOR UPDATE OF m
            """),
            {"shop": shop_id, "ids": list(ids), "token": token},
        ).all()

    def _attempt_ids(self, count: int) -> list[int]:
        statement = text("SELECT nextval(pg_get_serial_sequence('attempt', 'id')) FROM generate_series(1, :n)")
        return list(self.session.scalars(statement, {"n": count}))

    def _compose(
        self, message: Any, person: Profile, ref: Ref, subject: Subject, contexts: Contexts, attempt_id: int
    ) -> Intent | Faulty | Skip | Defer:
        account = self.ways.account(message.channel, self.now)
        if not isinstance(account, Account):
            return account
        template = self.templates[self._wanted(message, person)]
        needs = message.conditions.get("needs", ())
        wants = {*needs, *template.variables} if not isinstance(template, TemplateFault) else needs
        context = contexts.build(message.id, ref, subject, person, wants)
        if not all(context.get(name) for name in needs):
            return Skip("nothing_to_show")
        locale = person.locale or self.shop.locale
        currency = getattr(subject.row, "currency", None) or self.shop.currency
        language = Language(locale, currency, self.asker.zones(person, "email")[0], localise.chosen(locale))
        composed = compose(self._envelope(message, person, attempt_id), template, context, language)
        if not isinstance(composed, Composed):
            return Faulty(composed.template_part, composed.line, composed.message)
        self.contents[message.id] = {
            "message_id": message.id,
            "links": list(composed.links),
            "rendered_at": self.now,
            "context": {"data": context, "language": astuple(language)},
        }
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
            message.repeats > 0,
            language.words,
            message.useful_until,
        )

    def _envelope(self, message: Any, person: Profile, attempt_id: int) -> Envelope:
        sender = self.asker.chosen.sender
        return Envelope(
            shop_id=self.shop.id,
            message_id=message.id,
            attempt_id=attempt_id,
            channel=message.channel,
            purpose=message.purpose,
            address=person.addresses[message.channel],
            name=" ".join(part for part in (person.first_name, person.last_name) if part),
            sender=self.sender,
            sender_name=sender.name or self.shop.name or self.shop.domain,
            reply_to=sender.reply_to or self.shop.email,
            public_url=self.settings.public_url,
            seconds_useful=max(60, int((message.useful_until - self.now).total_seconds())),
        )

    def _wanted(self, message: Any, person: Profile) -> Wanted:
        return message.template_id, localise.chosen(person.locale or self.shop.locale)

    def _asked_to_review(self, message: Any, subject: Subject) -> None:
        self.asks[message.id] = [
            {
                "customer_id": message.customer_id,
                "order_id": subject.row.id,
                "product_external_id": str(line["product_id"]),
                "asked_at": self.now,
            }
            for line in subject.to_review
        ]

    def _held_back(self, message: Any, verdict: Verdict | Faulty) -> None:
        """Write down why a message doesn't go now. Waiting on for the same reason isn't news."""
        assert not isinstance(verdict, Go)  # noqa: S101 what may go isn't held back
        state, reason, due_at = "deferred", verdict.reason, message.due_at
        detail: dict[str, Any] = {}
        if isinstance(verdict, Defer):
            due_at, detail = verdict.until, {"until": verdict.until.isoformat()}
        else:
            state = verdict.state
            if isinstance(verdict, Faulty):
                detail = {"part": verdict.part, "line": verdict.line, "message": verdict.message}
        self.changes.append(
            {
                "id": message.id,
                "state": state,
                "reason": reason,
                "attempt_id": None,
                "provider": None,
                "due_at": due_at,
                "tries": message.tries + (reason == "store_unreachable"),
                "leased": False,
            }
        )
        if not (state == "deferred" and message.reason == reason):
            self.decided.append(
                Decided(
                    message.customer_id,
                    message.step,
                    state,
                    reason,
                    self.now,
                    message.journey_id,
                    message.enrolment_id,
                    message.id,
                    detail=detail,
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
            "lease": timedelta(seconds=self.settings.lease_seconds),
            "rows": orjson.dumps(self.changes).decode(),
        }
        self.session.execute(
            text("""
                UPDATE message m SET state = r.state, reason = r.reason,
                    attempt_id = COALESCE(r.attempt_id, m.attempt_id),
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
                [self.contents[i.message_id] for i in intents],
                key=("message_id",),
                newer="true",
                returning=("message_id",),
            )
        asks = [ask for i in intents for ask in self.asks.get(i.message_id, ())]
        if asks:
            upsert(
                self.session,
                ReviewAsk,
                list({(a["order_id"], a["product_external_id"]): a for a in asks}.values()),
                key=("customer_id", "product_external_id", "order_id"),
                newer="false",
            )
        self.brakes.write()
        log(self.session, self.decided)
