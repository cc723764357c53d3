"""Many mails in one call: each person gets what they would have got alone, and nothing of anybody else."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped]  # its hints are a package of their own
import orjson
import pytest
from hypothesis import given, settings, strategies as st

from app.channels.base import HELD_UP, Accepted, Account, OutboundEmail, Rejected, RetryLater, Unknown
from app.channels.email.sendgrid import MOST_TOGETHER, SendGridProvider
from app.channels.email.together import MOST_VALUE_BYTES, share
from simulator.providers.sendgrid_rules import problem_with
from tests.channels.conftest import PLATFORM

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ACCOUNT = Account("sendgrid")
ALWAYS: Callable[[], bool] = lambda: True  # noqa: E731 a constant

# Words that meet every way in which a text may be cut: marks of markup, breaks, and what could be taken for a tag.
WORDS = st.sampled_from(["<b>", ">", "\n", "-", "-w0-", "w", "w1-", "a", "Ann", "&amp;", "é", "😀", "%", "{{", ""])
TEXTS = st.lists(WORDS, min_size=1, max_size=12).map("".join)


def mail(number: int, html: str, text: str, **more: Any) -> OutboundEmail:
    made = OutboundEmail(
        f"ref-{number}", f"p{number}@shopper.example", f"P {number}", "s@shop.example", "Shop", None, f"Hi {number}",
        html, text, {"List-Unsubscribe": f"<https://app.example/u/{number}>"},
    )  # fmt: skip
    return replace(made, **more)


def put_in(text: str, values: dict[str, str], order: random.Random) -> str:
    """As a provider does it, in no particular order."""
    for tag in order.sample(sorted(values), len(values)):
        text = text.replace(tag, values[tag])
    return text


@settings(max_examples=100)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_putting_the_values_in_gives_each_mail_back(texts: list[tuple[str, str]], order: random.Random) -> None:
    mails = [mail(n, html, text) for n, (html, text) in enumerate(texts)]
    for shared in share(mails, lambda: "w"):
        for place, values in zip(shared.places, shared.values, strict=True):
            assert put_in(shared.html, values, order) == mails[place].html
            assert put_in(shared.text, values, order) == mails[place].text


@settings(max_examples=100)
@given(st.lists(st.sampled_from(["<p>", "</p>", "Hello ", "\n", "<br>"]), min_size=1, max_size=10), st.integers(2, 8))
def test_what_is_one_persons_own_is_in_no_other_hands(around: list[str], people: int) -> None:
    secrets = [f"SECRET{n}OF{n}" for n in range(people)]
    cut = len(around) // 2
    mails = [
        mail(n, "".join([*around[:cut], secret, *around[cut:]]), f"{secret} {secret}", subject=secret)
        for n, secret in enumerate(secrets)
    ]
    (shared,) = share(mails)
    common = shared.html + shared.text
    for place, values in zip(shared.places, shared.values, strict=True):
        for n, secret in enumerate(secrets):
            assert secret not in common
            # What all have in common of a secret ("SECRET", "OF") may be shared; what tells people apart may not.
            assert any(f"{n}OF{n}" in value for value in values.values()) == (n == place)


def test_mails_that_hold_what_a_tag_is_made_of_travel_alone() -> None:
    mails = [
        mail(0, "<p>a w b</p>", "t"),
        mail(1, "<p>1</p>", "t"),
        mail(2, "<p>2</p>", "t"),
    ]
    (shared,) = share(mails, lambda: "w")
    assert shared.places == (1, 2)


def test_a_mail_that_cannot_be_written_at_all_costs_the_others_nothing(loopback: Any) -> None:
    mailbox = Mailbox(loopback)
    answers = mailbox.hand_over(letters(20, p3={"html": "<h1>Hello \ud800</h1><p>All the same</p>"}))
    assert answers.pop(3) == Rejected("content", "TypeError")
    assert set(answers.values()) == {Accepted("abc")}
    assert len(mailbox.got) == 19


def test_nobody_brings_more_than_a_provider_takes() -> None:
    long = "x" * MOST_VALUE_BYTES
    mails = [mail(0, f"<p>{long}</p>", "t"), mail(1, "<p>1</p>", "t"), mail(2, "<p>2</p>", "t")]
    (shared,) = share(mails)
    assert shared.places == (1, 2)


def test_an_address_is_once_in_a_call() -> None:
    mails = [mail(0, "<p>0</p>", "t"), mail(1, "<p>1</p>", "t"), mail(2, "<p>2</p>", "t", to="P0@Shopper.example")]
    (shared,) = share(mails)
    assert shared.places == (0, 1)


def test_mails_of_different_senders_are_kept_apart() -> None:
    mails = [mail(n, f"<p>{n}</p>", "t", sender=f"s{n % 2}@shop.example") for n in range(6)]
    assert sorted(shared.places for shared in share(mails)) == [(0, 2, 4), (1, 3, 5)]


def test_mails_of_several_shapes_find_those_of_their_own() -> None:
    short = [mail(n, f"<p>{n}</p>", "t") for n in range(20)]
    long = [mail(n, f"<p>All {n}</p><p>{n}</p>", f"a\n{n}") for n in range(20, 40)]
    mixed = [one for pair in zip(short, long, strict=True) for one in pair]
    assert sorted(shared.places for shared in share(mixed)) == [tuple(range(0, 40, 2)), tuple(range(1, 40, 2))]


def test_what_the_sample_did_not_show_is_tried_again() -> None:
    mails = [mail(n, f"<p>{n}</p><i>{'rare' if n in (7, 500) else 'usual'}</i>", "t") for n in range(600)]
    found = sorted(share(mails), key=lambda shared: len(shared.places))
    assert [len(shared.places) for shared in found] == [2, 598]
    assert found[0].places == (7, 500)


def letters(count: int, **of: Any) -> list[OutboundEmail]:
    return [
        replace(mail(n, f"<h1>Hello {n}</h1><p>All the same</p>", f"Hello {n}\nAll the same"), **of.get(f"p{n}", {}))
        for n in range(count)
    ]


class Mailbox:
    """What a provider made of sockets does with a call, by the simulator's rules; keeps what each person gets."""

    def __init__(self, loopback: Any, refuses: Sequence[str] = ()) -> None:
        self.got: dict[str, list[tuple[Any, ...]]] = {}
        self.calls: list[int] = []
        self.refuses = refuses
        self.server = loopback.start(self.answer(loopback))
        self.provider = SendGridProvider("SG.host", self.server.url)

    def answer(self, loopback: Any) -> Any:
        def act(connection: Any, request: Any) -> bool:
            body = orjson.loads(request.body)
            self.calls.append(len(body["personalizations"]))
            problem = problem_with(body) or next(
                (("Refused", "") for p in body["personalizations"] if p["to"][0]["email"] in self.refuses), None
            )
            if problem:
                error = orjson.dumps({"errors": [{"message": problem[0], "field": problem[1]}]})
                return bool(loopback.answer(400, error)(connection, request))
            for person in body["personalizations"]:
                self.take(body, person)
            return bool(loopback.answer(202, X_Message_Id="abc")(connection, request))

        return act

    def take(self, body: dict[str, Any], person: dict[str, Any]) -> None:
        order = random.Random(1)
        parts = [
            (part["type"], put_in(part["value"], person.get("substitutions", {}), order)) for part in body["content"]
        ]
        rest = {name: value for name, value in body.items() if name not in ("personalizations", "content", "subject")}
        seen = (person["to"], person.get("subject") or body["subject"], person["headers"], person["custom_args"])
        self.got.setdefault(person["to"][0]["email"], []).append((*seen, parts, rest))

    def hand_over(self, mails: list[OutboundEmail], may_go: Callable[[], bool] = ALWAYS) -> dict[int, Any]:
        answers: dict[int, Any] = {}
        for parcel in self.provider.pack(mails):
            found = self.provider.send_parcel(parcel, ACCOUNT, may_go)
            answers |= dict(zip(parcel.places, found, strict=True))
        return answers


def test_each_person_gets_byte_for_byte_what_a_call_of_their_own_would_have_brought(loopback: Any) -> None:
    together, alone = Mailbox(loopback), Mailbox(loopback)
    mails = letters(30)
    assert together.hand_over(mails) == dict.fromkeys(range(30), Accepted("abc"))
    for one in mails:
        assert alone.provider.send(one, ACCOUNT) == Accepted("abc")
    assert together.calls == [30]
    assert together.got == alone.got


def test_one_bad_address_costs_the_others_nothing(loopback: Any) -> None:
    mailbox = Mailbox(loopback)
    answers = mailbox.hand_over(letters(100, p37={"to": "jo@nowhere"}))
    refused = answers.pop(37)
    assert isinstance(refused, Rejected)
    assert refused.suppress == "invalid_address"
    assert set(answers.values()) == {Accepted("abc")}
    assert {len(times) for times in mailbox.got.values()} == {1}
    assert len(mailbox.got) == 99
    assert mailbox.calls == [100, 1, 99]


def test_a_refusal_that_names_nobody_is_narrowed_down(loopback: Any) -> None:
    mailbox = Mailbox(loopback, refuses=["p5@shopper.example", "p40@shopper.example"])
    answers = mailbox.hand_over(letters(64))
    assert [n for n, answer in answers.items() if isinstance(answer, Rejected)] == [5, 40]
    assert len(mailbox.got) == 62
    assert {len(times) for times in mailbox.got.values()} == {1}


def test_no_call_is_made_once_it_is_too_late(loopback: Any) -> None:
    mailbox = Mailbox(loopback, refuses=["p5@shopper.example"])
    still = iter([True, True])
    answers = mailbox.hand_over(letters(64), lambda: next(still, False))
    assert len(mailbox.calls) == 2
    assert set(answers.values()) <= {Accepted("abc"), RetryLater(HELD_UP)}


@pytest.mark.parametrize(
    ("status", "expected"),
    [(500, Unknown("http_500")), (401, RetryLater("account_401")), (429, RetryLater("rate_limited"))],
)
def test_what_says_nothing_about_a_mail_is_said_of_all(loopback: Any, status: int, expected: Any) -> None:
    server = loopback.start(loopback.answer(status))
    provider = SendGridProvider("k", server.url)
    (parcel,) = provider.pack(letters(20))
    assert provider.send_parcel(parcel, ACCOUNT, ALWAYS) == [expected] * 20
    assert len(server.requests) == 1


def test_sendgrids_specification_takes_a_thousand_and_its_limit_is_kept(loopback: Any) -> None:
    server = loopback.start(loopback.answer(202, X_Message_Id="abc"))
    provider = SendGridProvider("k", server.url)
    parcels = provider.pack(letters(MOST_TOGETHER + 5))
    assert [len(parcel.places) for parcel in parcels] == [MOST_TOGETHER, 5]
    provider.send_parcel(parcels[0], ACCOUNT, ALWAYS)
    spec = orjson.loads((PLATFORM / "openapi" / "tsg_mail_v3.json").read_bytes())
    schema = spec["components"]["requestBodies"]["PostMailSend"]["content"]["application/json"]["schema"]
    jsonschema.Draft202012Validator({**schema, "components": spec["components"]}).validate(
        orjson.loads(server.requests[0].body)
    )


def test_what_is_unusual_travels_alone() -> None:
    provider = SendGridProvider("k", "http://127.0.0.1:9")
    odd = {"p0": {"to": "no address"}, "p1": {"subject": ""}, "p2": {"text": ""}, "p3": {"text": "SG.a.b\nx"}}
    (parcel,) = provider.pack(letters(10, **odd))
    assert parcel.places == (4, 5, 6, 7, 8, 9)
