"""Files of people: whatever a spreadsheet program writes is read; what can't be used is named by line and reason."""

from __future__ import annotations

import io
import os
import signal
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from app import clock
from app.customers import files, lines, service as customers, tables, telling
from app.customers.models import PeopleFile
from app.customers.queries import consent_states, profiles
from app.messages import confirming
from app.privacy import proof
from app.transaction import engine, transaction
from tests.conftest import NOON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.core.conftest import World

HEAD = "Email,Phone,First Name,Accepts Email Marketing,Accepts SMS Marketing,Consent Date"


def rows(content: bytes) -> list[list[str]]:
    return list(tables.rows(io.BytesIO(content)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_usual_kind_of_file_is_read(encoding: str, separator: str, end: str) -> None:
    table = [["E-Mail", "Vorname"], ["zoë@x.example", "Zoë"], [], ["bo@x.example", "Bo, the second"]]
    quoted = [[f'"{cell}"' if "," in cell else cell for cell in row] for row in table]
    content = end.join(separator.join(row) for row in quoted).encode(encoding)
    assert rows(content) == table


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"PK\x03\x04...", "a_workbook"), (b"a,b\0c\n", "not_text"), (b"\xd0\xcf\x11\xe0..", "a_workbook")],
)
def test_what_is_no_table_is_said_to_be_none(content: bytes, reason: str) -> None:
    with pytest.raises(tables.UnreadableError, match=reason):
        rows(content)


def test_columns_are_guessed_by_their_names() -> None:
    assert lines.guess(HEAD.split(",")) == {
        "email": 0, "phone": 1, "first_name": 2, "email_consent": 3, "sms_consent": 4, "agreed_at": 5,
    }  # fmt: skip
    assert lines.guess(["E-Mail-Adresse", "Vorname", "Newsletter", "OPTIN_TIME", "OPTIN_IP", "Email"]) == {
        "email": 0, "first_name": 1, "email_consent": 2, "agreed_at": 3, "ip": 4,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "day_first", "found"),
    [
        ("2025-03-04", False, datetime(2025, 3, 4, 5, tzinfo=UTC)),
        ("2025-03-04T10:00:00Z", False, datetime(2025, 3, 4, 10, tzinfo=UTC)),
        ("2025-03-04 10:00:00 UTC", False, datetime(2025, 3, 4, 15, tzinfo=UTC)),
        ("03/04/2025", False, datetime(2025, 3, 4, 5, tzinfo=UTC)),
        ("03/04/2025", True, datetime(2025, 4, 3, 4, tzinfo=UTC)),
        ("04.03.2025 10:30", False, datetime(2025, 3, 4, 15, 30, tzinfo=UTC)),
        ("3/4/2025 1:30 PM", False, datetime(2025, 3, 4, 18, 30, tzinfo=UTC)),
        ("soon", False, None),
        ("0001-01-01", False, None),
    ],
)
def test_dates_as_people_write_them(text: str, found: datetime | None, *, day_first: bool) -> None:
    at = lines.moment(text, "America/New_York", day_first=day_first)
    assert at == found or (found is None and at is not None and at < lines.EARLIEST)


def read(cells: Sequence[str], **mapping: Any) -> lines.Line:
    chosen = lines.Mapping(columns=lines.guess(HEAD.split(",")), **mapping)
    return lines.read(cells, 2, chosen, zone="America/New_York", country="US", now=NOON)


@pytest.mark.parametrize(
    ("cells", "refused"),
    [
        (["ana@", "", "", "yes", "", "2025-01-01"], [("email", "bad_email")]),
        (["", "12", "", "", "yes", "2025-01-01"], [("phone", "bad_phone")]),
        (["", "", "Ana", "yes", "yes", "2025-01-01"], [("line", "no_address")]),
        (["a@x.example", "", "", "", "", ""], [("line", "nothing_said")]),
        (["a@x.example", "", "", "maybe", "", "2025-01-01"], [("email_consent", "bad_consent")]),
        (["a@x.example", "", "", "yes", "", "soon"], [("email_consent", "bad_date")]),
        (["a@x.example", "", "", "yes", "", ""], [("email_consent", "no_date")]),
        (["a@x.example", "", "", "yes", "", "2027-01-01"], [("email_consent", "date_in_future")]),
        (["a@x.example", "12", "", "yes", "yes", "2025-01-01"], [("phone", "bad_phone")]),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_part(cells: list[str], refused: list[tuple[str, str]]) -> None:
    assert read(cells).refused == refused


def test_a_line_is_made_plain() -> None:
    line = read([" Ana@Shopper.Example ", "'(212) 555-0123", "=HYPERLINK(1)", "TRUE", "Unsubscribed", "2025-01-01"])
    assert line.person is not None
    assert (line.person.email, line.person.phone, line.person.country) == ("ana@shopper.example", "+12125550123", "US")
    assert [(s.channel, s.state, s.dated) for s in line.said] == [
        ("email", "subscribed", True), ("sms", "unsubscribed", True),
    ]  # fmt: skip
    everyone = lines.Mapping(columns={"email": 0}, everyone=("email",), agreed_on=date(2025, 1, 1))
    line = lines.read(["a@x.example"], 2, everyone, zone="UTC", country=None, now=NOON)
    assert [(s.state, s.at, s.dated) for s in line.said] == [("subscribed", datetime(2025, 1, 1, tzinfo=UTC), False)]


# -- taken in --------------------------------------------------------------------------------------------------------


def upload(world: World, *body: str, head: str = HEAD) -> int:
    content = "\n".join([head, *body]).encode()
    taken = files.take(world.shop_id, "people.csv", io.BytesIO(content), "user:42")
    assert isinstance(taken, int)
    return taken


def go(world: World, file_id: int, **mapping: Any) -> PeopleFile:
    with transaction(world.shop_id) as session:
        file = session.get_one(PeopleFile, (world.shop_id, file_id))
        files.begin(session, file, lines.Mapping.model_validate({**file.mapping, **mapping}))
    files.run()
    with transaction(world.shop_id) as session:
        return session.get_one(PeopleFile, (world.shop_id, file_id))


def states(world: World) -> dict[str, str]:
    people = world.rows("SELECT id, COALESCE(email, phone) AS who FROM customer")
    with transaction(world.shop_id) as session:
        found = consent_states(session, world.shop_id, [p.id for p in people])
    return {p.who: found[p.id, "email"] for p in people if (p.id, "email") in found}


def refused(world: World) -> list[tuple[int, str, str]]:
    found = world.rows("SELECT line, field, reason FROM people_refusal ORDER BY line, field")
    return [(r.line, r.field, r.reason) for r in found]


def test_good_lines_go_in_with_their_dates_and_bad_ones_are_named(world: World) -> None:
    file = go(
        world,
        upload(
            world,
            "ana@x.example,,Ana,yes,,2024-05-06",
            "not an address,,Bo,yes,,2024-05-06",
            "",
            "cy@x.example,+12125550199,Cy,no,yes,2024-05-07",
        ),
        wording="Footer form, 2024",
    )
    assert (file.state, file.lines, file.lines_read, file.taken, file.refused) == ("done", 4, 4, 2, 1)
    assert states(world) == {"ana@x.example": "subscribed", "cy@x.example": "unsubscribed"}
    assert refused(world) == [(3, "email", "bad_email")]
    row = world.rows("SELECT * FROM consent_entry ORDER BY id")[0]
    assert (row.source, row.collected, row.wording) == ("import", "file", "Footer form, 2024")
    assert row.effective_at.isoformat().startswith("2024-05-06")
    assert world.rows("SELECT 1 FROM people_part") == [], "nothing of the file is kept"
    confirming.run()
    assert world.rows("SELECT 1 FROM opt_in") == [], "nobody is asked because of a file"


def test_words_on_whatsapp_are_kept_on_record_and_told_to_nobody(world: World) -> None:
    head = "Phone,WhatsApp Consent,Consent Date"
    go(world, upload(world, "+12125550123,yes,2024-05-06", "12,yes,2024-05-06", head=head))
    (row,) = world.rows("SELECT * FROM consent_entry")
    assert (row.channel, row.state, row.effective_at.date()) == ("whatsapp", "subscribed", date(2024, 5, 6))
    assert refused(world) == [(3, "phone", "bad_phone")]
    assert world.rows("SELECT 1 FROM consent_write") == []
    told = [entry["channel"] for entry in proof.entries(world.shop_id)]
    assert told == ["whatsapp"]


def test_the_same_file_twice_changes_nothing(world: World) -> None:
    for _ in range(2):
        go(world, upload(world, "ana@x.example,,Ana,yes,,2024-05-06"))
    assert len(world.rows("SELECT 1 FROM consent_entry")) == 1
    assert len(world.rows("SELECT 1 FROM customer")) == 1


def test_a_file_brings_back_nobody_who_left_or_was_erased_or_suppressed(world: World) -> None:
    go(world, upload(world, *(f"{name}@x.example,,,yes,,2023-01-01" for name in ("left", "fresh", "barred", "gone"))))
    of = {r.email: r.id for r in world.rows("SELECT id, email FROM customer")}
    with transaction(world.shop_id) as session:
        for who in ("left@x.example", "fresh@x.example"):
            word = customers.Word(of[who], "email", "unsubscribed", NOON - timedelta(days=100), "unsubscribe_link")
            customers.consent(session, [word])
        customers.suppress(session, "email", "barred@x.example", "complaint", "receipt")
        customers.suppress(session, "email", "gone@x.example", "erased", "privacy")
        customers.suppress(session, "email", "new@x.example", "erased", "privacy")
    file = go(
        world,
        upload(
            world,
            "left@x.example,,,yes,,2024-01-01",
            "fresh@x.example,,,yes,,2026-06-01",
            "barred@x.example,,,yes,,2026-06-01",
            "new@x.example,,,yes,,2026-06-01",
            "LEFT@x.example,,,yes,,",
        ),
        agreed_on="2026-06-09",
    )
    assert states(world)["left@x.example"] == "unsubscribed"
    assert states(world)["fresh@x.example"] == "subscribed", "they said yes again later, with a date of their own"
    assert refused(world) == [
        (2, "email_consent", "unsubscribed"),
        (4, "email_consent", "suppressed:complaint"),
        (5, "line", "erased"),
        (6, "email_consent", "unsubscribed"),
    ]
    assert (file.taken, file.refused) == (1, 4)
    assert "new@x.example" not in {r.email for r in world.rows("SELECT email FROM customer")}
    with transaction(world.shop_id) as session:
        barred = profiles(session, world.shop_id, [of["barred@x.example"]])
    assert barred[of["barred@x.example"]].unreachable["email"] == "suppressed:complaint"


def test_what_a_file_says_of_the_stores_customers_is_told_to_the_store(world: World) -> None:
    now = world.time.at.isoformat()
    world.deliver("customers/create", {"id": 501, "email": "ana@x.example", "created_at": now, "updated_at": now})
    world.apply()
    go(world, upload(world, "ana@x.example,,Ana,yes,,2024-05-06", "guest@x.example,,,yes,,2024-05-06"))
    telling.run()
    assert [(t.customer_id, t.state, t.at.date()) for t in world.store.told] == [
        ("501", "subscribed", date(2024, 5, 6))
    ]


def test_a_worker_that_has_to_stop_leaves_the_rest_to_the_next_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PART", 2)
    number = upload(world, *(f"p{n}@x.example,,,yes,,2024-05-06" for n in range(5)))
    stops = iter([False, True])
    with transaction(world.shop_id) as session:
        file = session.get_one(PeopleFile, (world.shop_id, number))
        files.begin(session, file, lines.Mapping.model_validate(file.mapping))
    files.run(lambda: next(stops, True))
    assert world.rows("SELECT state, lines_read FROM people_file")[0][:] == ("running", 2)
    files.run()
    assert world.rows("SELECT state, lines_read, taken FROM people_file")[0][:] == ("done", 5, 5)
    assert len(states(world)) == 5


def test_a_worker_killed_within_a_part_has_done_nothing_of_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PART", 3)
    body = [f"p{n}@x.example,,,yes,,2024-05-06" for n in range(4)] + ["nobody,,,yes,,2024-05-06"]
    number = upload(world, *body)
    with transaction(world.shop_id) as session:
        file = session.get_one(PeopleFile, (world.shop_id, number))
        files.begin(session, file, lines.Mapping.model_validate(file.mapping))
    with engine().connect() as other:
        other.execute(text("LOCK TABLE people_refusal"))  # where a part's last rows go: a worker waits here
        worker = os.fork()
        if worker == 0:
            engine().dispose(close=False)  # the connections are the parent's
            files.run()
            os._exit(0)
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'people_refusal'::regclass")
        until = clock.monotonic() + 20
        while not other.scalar(waiting):
            assert clock.monotonic() < until, "the worker never came to the second part"
            clock.pause(0.01)
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
    assert world.rows("SELECT state, lines_read, taken FROM people_file")[0][:] == ("running", 3, 3)
    assert len(world.rows("SELECT 1 FROM consent_entry")) == 3, "nothing of the part in hand"
    files.run()
    assert world.rows("SELECT state, lines_read, taken, refused FROM people_file")[0][:] == ("done", 5, 4, 1)
    assert len(states(world)) == len(world.rows("SELECT 1 FROM consent_entry")) == 4
    assert refused(world) == [(6, "email", "bad_email")]


def test_a_file_that_another_worker_has_in_hand_is_left_to_it(world: World) -> None:
    number = upload(world, "ana@x.example,,,yes,,2024-05-06")
    with transaction(world.shop_id) as session:
        file = session.get_one(PeopleFile, (world.shop_id, number))
        files.begin(session, file, lines.Mapping.model_validate(file.mapping))
    with transaction(world.shop_id) as session:
        session.get_one(PeopleFile, (world.shop_id, number), with_for_update=True)
        assert files.run() == 0
    assert files.run() == 1


def test_too_many_lines_none_at_all_and_files_nobody_goes_on_with(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_LINES", 3)
    for body, reason in (
        (b"Email\n" + b"a@x.example\n" * 4, "too_many_lines"),
        (b"Email\n", "no_lines"),
        (b"", "no_lines"),
    ):
        assert files.take(world.shop_id, "x.csv", io.BytesIO(body), "user:1") == files.Refused(reason)
    assert world.rows("SELECT 1 FROM people_file") == []
    upload(world, "ana@x.example,,Ana,yes,,2024-05-06")
    world.time.move(days=2)
    with transaction(world.shop_id) as session:
        assert files.forget(session) == 1
    assert world.rows("SELECT 1 FROM people_part") == []
