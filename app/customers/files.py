"""Files of people and what they agreed to: uploaded, mapped, and taken in line by line in the background.

A file is kept in sealed parts of some hundred lines; a part is read, recorded and deleted in one transaction, so that a
killed worker leaves the rest to the next one, and no more than one part is in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson
from sqlalchemy import select, text

from app import clock
from app.customers import ledger, lines, service as customers, tables
from app.customers.directory import Mention
from app.customers.ledger import Word
from app.customers.models import PeopleFile, PeoplePart
from app.customers.queries import standings, suppressed
from app.platforms.events import Version
from app.shops import service as shops
from app.transaction import across_shops, record_alone, ring_after_commit, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.customers.lines import Line
    from app.customers.rules import Standing

PART = 250
FIRST = 2
"""The number of the first line below the header."""
MOST_LINES = 100_000
LARGEST_BYTES = 20 * 1024 * 1024
SHOWN = 5
KEPT_DAYS = 1
"""How long a file waits for its mapping before its lines are thrown away."""
SOURCE = "import"


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that can't be taken: a_workbook | not_text | no_lines | too_many_lines."""

    reason: str


def take(shop_id: int, name: str, content: BinaryIO, actor: str) -> int | Refused:
    """Keep an uploaded file; its number, or why it can't be taken. Its first row names the columns."""
    rows = tables.rows(content)
    try:
        header = [cell[:80] for cell in next(rows, [])]
        with transaction(shop_id) as session:
            file = PeopleFile(
                shop_id=shop_id,
                name=name[:120],
                state="uploaded",
                header=header,
                mapping=lines.Mapping(columns=lines.guess(header)).model_dump(mode="json"),
                lines=0,
                created_by=actor,
                created_at=clock.now(),
            )
            session.add(file)
            session.flush()
            for first, some in _parts(rows):
                session.add(PeoplePart(shop_id=shop_id, file_id=file.id, first_line=first, content=some))
                session.flush()
                session.expunge_all()
                file.lines = first + len(some) - FIRST
                if file.lines > MOST_LINES:
                    raise tables.UnreadableError("too_many_lines")  # noqa: TRY301 nothing of it is kept
            if not file.lines:
                raise tables.UnreadableError("no_lines")  # noqa: TRY301
            session.execute(
                text("UPDATE people_file SET lines = :lines WHERE shop_id = :shop AND id = :id"),
                {"shop": shop_id, "id": file.id, "lines": file.lines},
            )
            return file.id
    except tables.UnreadableError as error:
        return Refused(error.args[0])


def _parts(rows: Iterator[list[str]]) -> Iterator[tuple[int, list[list[str]]]]:
    """(number of the first line, lines), numbered as a spreadsheet program does."""
    first = FIRST
    while some := list(islice(rows, PART)):
        yield first, some
        first += len(some)


def sample(session: Session, file_id: int) -> list[list[str]]:
    """The first lines of a file, to see what its columns hold."""
    part = session.scalar(
        select(PeoplePart)
        .where(PeoplePart.shop_id == session.info["shop_id"], PeoplePart.file_id == file_id)
        .order_by(PeoplePart.first_line)
        .limit(1)
    )
    return list((part.content or [])[:SHOWN]) if part is not None else []


def begin(session: Session, file: PeopleFile, mapping: lines.Mapping) -> None:
    """Take the file in, from now on in the background."""
    file.mapping, file.state, file.due_at = mapping.model_dump(mode="json"), "running", clock.now()
    ring_after_commit(session, "slow")


def drop(session: Session, file: PeopleFile) -> None:
    """Throw the file away, or what of it wasn't taken in yet."""
    session.execute(
        text("DELETE FROM people_part WHERE shop_id = :shop AND file_id = :id"),
        {"shop": file.shop_id, "id": file.id},
    )
    file.state, file.finished_at, file.due_at = "dropped", clock.now(), None


def run(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Take files in until nothing is left or it is time to stop; returns how many parts were read."""
    done = 0
    for shop_id, file_id in _waiting():
        while not should_stop() and _part(shop_id, file_id):
            done += 1
    return done


def _waiting() -> Sequence[Any]:
    with across_shops() as session:
        return session.execute(
            text("SELECT shop_id, id FROM people_file WHERE state = 'running' AND due_at <= :now ORDER BY due_at"),
            {"now": clock.now()},
        ).all()


def _part(shop_id: int, file_id: int) -> bool:
    """Read one part. False when there was none left, or another worker is at it."""
    with transaction(shop_id) as session:
        file = session.scalar(
            select(PeopleFile)
            .where(PeopleFile.shop_id == shop_id, PeopleFile.id == file_id, PeopleFile.state == "running")
            .with_for_update(skip_locked=True)
        )
        if file is None:
            return False
        part = session.scalar(
            select(PeoplePart)
            .where(PeoplePart.shop_id == shop_id, PeoplePart.file_id == file_id)
            .order_by(PeoplePart.first_line)
            .limit(1)
        )
        if part is None:
            file.state, file.finished_at, file.due_at = "done", clock.now(), None
            return False
        record_alone(session)
        _record(session, file, part)
        file.lines_read = part.first_line + len(part.content or []) - FIRST
        file.due_at = clock.now()
        session.delete(part)
        return True


def _record(session: Session, file: PeopleFile, part: PeoplePart) -> None:
    shop, now = shops.get(session), clock.now()
    mapping = lines.Mapping.model_validate(file.mapping)
    read = [
        lines.read(cells, part.first_line + place, mapping, zone=shop.timezone, country=shop.country, now=now)
        for place, cells in enumerate(part.content or [])
        if cells
    ]
    _refuse_barred(session, read)
    usable = [line for line in read if line.person is not None and line.said]
    people = customers.introduce(
        session, [Mention(line.person, Version(min(s.at for s in line.said))) for line in usable if line.person]
    )
    whose = {line.number: id_ for line in usable if line.person and (id_ := people.of(line.person)) is not None}
    stands = standings(session, shop.id, whose.values())
    words = []
    for line in usable:
        if line.number in whose:
            words += _words(line, whose[line.number], stands)
    ledger.say(session, words, ask=False)
    _count(session, file, read)


def _refuse_barred(session: Session, read: Sequence[Line]) -> None:
    """Erased people stay unknown, and suppressed addresses unwritten to, whatever a file says of them."""
    addresses = {
        (channel, address)
        for line in read
        if line.person
        for channel, address in (("email", line.person.email), ("sms", line.person.phone))
        if address
    }
    barred = suppressed(session, session.info["shop_id"], addresses)
    for line in read:
        if line.person is None:
            continue
        by_channel = {
            channel: bar.reason
            for channel, address in (("email", line.person.email), ("sms", line.person.phone))
            if address and (bar := barred.get((channel, address)))
        }
        if "erased" in by_channel.values():
            line.said.clear()
            line.refused.append(("line", "erased"))
            continue
        for channel, reason in by_channel.items():
            if any(s.channel == channel and s.state == "subscribed" for s in line.said):
                line.said = [s for s in line.said if s.channel != channel or s.state != "subscribed"]
                line.refused.append((f"{channel}_consent", f"suppressed:{reason}"))


def _words(line: Line, customer_id: int, stands: Mapping[tuple[int, str], Standing]) -> list[Word]:
    """The line's words. A yes that is older than a no, or has no date of its own against one, brings nobody back."""
    words, kept = [], []
    for said in line.said:
        standing = stands.get((customer_id, said.channel))
        is_no = standing is not None and standing.state == "unsubscribed"
        if said.state == "subscribed" and is_no and standing and (not said.dated or said.at <= standing.since):
            line.refused.append((f"{said.channel}_consent", "unsubscribed"))
            continue
        kept.append(said)
        words.append(
            Word(
                customer_id,
                said.channel,
                said.state,
                said.at,
                SOURCE,
                line.double_opt_in and said.state == "subscribed",
                collected="file",
                wording=line.wording,
                evidence={"ip": line.ip} if line.ip else {},
            )
        )
    line.said = kept
    return words


def _count(session: Session, file: PeopleFile, read: Sequence[Line]) -> None:
    refusals = [
        {"line": line.number, "field": part, "reason": reason}
        for line in read
        for part, reason in dict(line.refused).items()
    ]
    file.taken += sum(bool(line.person and line.said) for line in read)
    file.refused += sum(bool(line.refused) for line in read)
    if refusals:
        session.execute(
            text("""
                INSERT INTO people_refusal (shop_id, file_id, line, field, reason)
                SELECT :shop, :file, r.* FROM json_to_recordset(CAST(:rows AS json))
                    AS r (line bigint, field text, reason text)
                ON CONFLICT DO NOTHING
            """),
            {"shop": file.shop_id, "file": file.id, "rows": orjson.dumps(refusals).decode()},
        )


def forget(session: Session) -> int:
    """Throw away the lines of files that nobody went on with; returns how many files."""
    gone = session.execute(
        text("""
            UPDATE people_file SET state = 'dropped', finished_at = :now
            WHERE shop_id = :shop AND state = 'uploaded' AND created_at < :before RETURNING id
        """),
        {"shop": session.info["shop_id"], "now": clock.now(), "before": clock.now() - clock.days(KEPT_DAYS)},
    ).all()
    session.execute(
        text("DELETE FROM people_part WHERE shop_id = :shop AND file_id = ANY(:ids)"),
        {"shop": session.info["shop_id"], "ids": [row.id for row in gone]},
    )
    return len(gone)


def refusals(session: Session, file_id: int, after: int, size: int) -> Sequence[Any]:
    """What was refused, by line."""
    return session.execute(
        text(
            "SELECT id, line, field, reason FROM people_refusal WHERE shop_id = :shop AND file_id = :file "
            "AND line > :after ORDER BY line, field LIMIT :size"
        ),
        {"shop": session.info["shop_id"], "file": file_id, "after": after, "size": size},
    ).all()
