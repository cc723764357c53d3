"""The providers accept, remember, refuse, and report with signatures that their own libraries accept."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import aiohttp
import orjson
import pytest
from sendgrid.helpers.eventwebhook import EventWebhook
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from tests.simulator.town import InTown, Town


def mail(**changes: Any) -> dict[str, Any]:
    return {
        "personalizations": [{"to": [{"email": "ada@mail.example.com"}], "custom_args": {"message_id": "m-1"}}],
        "from": {"email": "shop@sageandstone.example.com", "name": "Sage & Stone"},
        "subject": "Hello",
        "content": [{"type": "text/plain", "value": "Hi"}, {"type": "text/html", "value": "<p>Hi</p>"}],
    } | changes


async def post_mail(town: Town, body: Any, key: str | None = None) -> tuple[int, dict[str, str], bytes]:
    authorization = f"Bearer {key or town.sim.settings.keys.sendgrid_api_key}"
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    async with town.client.post(
        f"{town.url}/sendgrid/v3/mail/send", data=orjson.dumps(body), headers=headers
    ) as answer:
        return answer.status, dict(answer.headers), await answer.read()


def twilio_address(town: Town) -> str:
    return f"{town.url}/twilio/2010-04-01/Accounts/{town.sim.settings.keys.twilio_account_sid}/Messages.json"


def basic(town: Town) -> dict[str, str]:
    keys = town.sim.settings.keys
    pair = base64.b64encode(f"{keys.twilio_account_sid}:{keys.twilio_auth_token}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


async def post_text(town: Town, **changes: str) -> tuple[int, Any]:
    form = {
        "To": "+12065550139",
        "MessagingServiceSid": town.sim.settings.keys.twilio_messaging_service_sid,
        "Body": "Your basket is waiting",
        "StatusCallback": f"{town.sim.settings.app_url}/receipts/twilio/status?m=m-2",
    } | changes
    async with town.client.post(twilio_address(town), data=form, headers=basic(town)) as answer:
        return answer.status, await answer.json()


def ledger_of(town: Town) -> list[Any]:
    path = town.sim.settings.ledger
    assert path is not None
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_an_accepted_mail_is_in_the_ledger_before_the_answer(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        status, headers, body = await post_mail(town, mail())
        assert (status, body) == (202, b"")
        assert headers["X-Message-Id"]
        (line,) = ledger_of(town)
        assert line["message_id"] == "m-1"
        assert line["provider"] == "sendgrid"
        assert line["sequence"] == 1
        assert line["to"] == "ada@mail.example.com"

    in_town(story)


def test_one_message_per_personalization(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        people = [
            {"to": [{"email": f"p{n}@mail.example.com"}], "custom_args": {"message_id": f"m-{n}"}} for n in range(3)
        ]
        await post_mail(town, mail(personalizations=people))
        assert [line["message_id"] for line in ledger_of(town)] == ["m-0", "m-1", "m-2"]
        assert [line["sequence"] for line in ledger_of(town)] == [1, 2, 3]

    in_town(story)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"personalizations": []}, "personalizations"),
        ({"personalizations": [{"to": []}]}, "personalizations.0.to"),
        ({"personalizations": [{"to": [{"email": "nowhere"}]}]}, "personalizations.0.to.0.email"),
        ({"subject": ""}, "subject"),
        ({"from": {}}, "from.email"),
        ({"content": []}, "content"),
        ({"content": [{"type": "text/html", "value": "x"}, {"type": "text/plain", "value": "x"}]}, "content"),
        ({"headers": {"Subject": "x"}}, "headers"),
    ],
)
def test_a_wrong_mail_is_refused_and_leaves_no_trace(in_town: InTown, changes: dict[str, Any], field: str) -> None:
    async def story(town: Town) -> None:
        status, _, body = await post_mail(town, mail(**changes))
        assert status == 400
        assert orjson.loads(body)["errors"][0]["field"] == field
        assert ledger_of(town) == []

    in_town(story)


def test_a_wrong_key_is_refused(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        assert (await post_mail(town, mail(), key="SG.wrong"))[0] == 401
        async with town.client.post(twilio_address(town), data={"To": "+12065550139"}) as answer:
            assert answer.status == 401
            assert (await answer.json())["code"] == 20003

    in_town(story)


def test_mail_events_verify_with_sendgrids_library_and_carry_our_id(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        await post_mail(town, mail())
        await town.app.until(lambda app: b'"delivered"' in b"".join(each.body for each in app.to("/receipts/sendgrid")))
        checker = EventWebhook()
        key = checker.convert_public_key_to_ecdsa(town.sim.providers.public_key)
        kinds = []
        for each in town.app.to("/receipts/sendgrid"):
            signature = each.headers["X-Twilio-Email-Event-Webhook-Signature"]
            stamp = each.headers["X-Twilio-Email-Event-Webhook-Timestamp"]
            assert each.body.endswith(b"\r\n")
            assert checker.verify_signature(each.body.decode(), signature, stamp, key)
            assert not checker.verify_signature(each.body.decode().strip(), signature, stamp, key)
            kinds += [(event["event"], event["message_id"]) for event in orjson.loads(each.body)]
        assert kinds == [("processed", "m-1"), ("delivered", "m-1")]

    in_town(story)


def test_an_address_that_bounces_says_so(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        await post_mail(town, mail(personalizations=[{"to": [{"email": "bounce.me@mail.example.com"}]}]))
        await town.app.until(lambda app: b'"bounce"' in b"".join(each.body for each in app.to("/receipts/sendgrid")))

    in_town(story)


def test_an_accepted_text_is_answered_like_twilio_and_found_again(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        status, text = await post_text(town)
        assert (status, text["status"], text["num_segments"]) == (201, "accepted", "1")
        assert ledger_of(town)[0]["message_id"] == "m-2"
        today = town.sim.settings.clock.now().date().isoformat()
        for day, count in ((today, 1), ("2001-01-01", 0)):
            async with town.client.get(
                twilio_address(town), params={"To": "+12065550139", "DateSent": day}, headers=basic(town)
            ) as answer:
                assert len((await answer.json())["messages"]) == count

    in_town(story)


def test_text_statuses_verify_with_twilios_library(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        await post_text(town)
        await town.app.until(lambda app: len(app.to("/receipts/twilio/status")) == 3)
        checker = RequestValidator(town.sim.settings.keys.twilio_auth_token)
        seen: list[str] = []
        for each in town.app.to("/receipts/twilio/status"):
            form = dict(parse_qsl(each.body.decode(), keep_blank_values=True))
            url = f"{town.sim.settings.app_url}{each.path}"
            assert checker.validate(url, form, each.headers["X-Twilio-Signature"])
            assert not checker.validate(url, form | {"MessageStatus": "read"}, each.headers["X-Twilio-Signature"])
            seen.append(form["MessageStatus"])
        assert sorted(seen) == ["delivered", "queued", "sent"]

    in_town(story)


def test_after_stop_the_next_text_is_refused_until_start(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        stopped = await town.play("stop_sms")
        phone = stopped["customer"]["phone"]
        await town.app.until(lambda app: bool(app.to("/receipts/twilio/inbound")))
        inbound = town.app.to("/receipts/twilio/inbound")[0]
        form = dict(parse_qsl(inbound.body.decode()))
        assert (form["From"], form["Body"], form["OptOutType"]) == (phone, "STOP", "STOP")
        checker = RequestValidator(town.sim.settings.keys.twilio_auth_token)
        url = f"{town.sim.settings.app_url}/receipts/twilio/inbound"
        assert checker.validate(url, form, inbound.headers["X-Twilio-Signature"])
        status, body = await post_text(town, To=phone)
        assert (status, body["code"]) == (400, 21610)
        await town.play("stop_sms", customer=stopped["customer"]["id"], word="START")
        assert (await post_text(town, To=phone))[0] == 201

    in_town(story)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"To": "12"}, 21211), ({"Body": ""}, 21602), ({"MessagingServiceSid": ""}, 21603), ({"Body": "x" * 1601}, 21617)],
)
def test_a_wrong_text_is_refused_by_code(in_town: InTown, changes: dict[str, str], code: int) -> None:
    async def story(town: Town) -> None:
        status, body = await post_text(town, **changes)
        assert (status, body["code"]) == (400, code)
        assert ledger_of(town) == []

    in_town(story)


def test_accepted_but_unanswered_is_in_the_ledger(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        async with town.client.post(f"{town.url}/faults", json={"sendgrid": {"drop_after_accept": 1.0}}) as answer:
            assert answer.status == 200
        with pytest.raises(aiohttp.ClientError):
            await post_mail(town, mail())
        assert len(ledger_of(town)) == 1

    in_town(story)


def test_faults_are_set_all_or_none(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        wrong = {"sendgrid": {"429": 1.0}, "twilio": {"receipts": "sometimes"}}
        async with town.client.post(f"{town.url}/faults", json=wrong) as answer:
            assert answer.status == 400
        async with town.client.get(f"{town.url}/faults") as answer:
            assert (await answer.json())["sendgrid"]["429"] == 0.0
        await town.client.post(f"{town.url}/faults", json={"sendgrid": {"429": 1.0}, "twilio": {"5xx": 1.0}})
        status, headers, _ = await post_mail(town, mail())
        assert (status, headers["Retry-After"]) == (429, "1")
        assert (await post_text(town))[0] == 500
        assert ledger_of(town) == []

    in_town(story)
