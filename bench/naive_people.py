"""What bringing people in is measured against: each line of the file in a transaction of its own, as ORM objects."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

from sqlalchemy import select

from app.customers.models import ConsentEntry, Customer
from app.transaction import transaction


def bring_in(shop_id: int, content: bytes) -> int:
    """Find or make each line's person and write down their words; returns how many lines were read."""
    count = 0
    for line in csv.DictReader(io.StringIO(content.decode())):
        said_at = datetime.fromisoformat(line["Consent Date"]).replace(tzinfo=UTC)
        with transaction(shop_id) as session:
            person = session.scalar(
                select(Customer).where(Customer.shop_id == shop_id, Customer.email == line["Email"])
            )
            if person is None:
                person = Customer(shop_id=shop_id, email=line["Email"], first_seen_at=said_at)
                session.add(person)
            person.phone, person.first_name = line["Phone"], line["First Name"]
            session.flush()
            for channel in ("Email", "SMS"):
                if line[f"Accepts {channel} Marketing"] == "yes":
                    session.add(
                        ConsentEntry(
                            shop_id=shop_id,
                            customer_id=person.id,
                            channel=channel.lower(),
                            state="subscribed",
                            effective_at=said_at,
                            source="import",
                            recorded_at=datetime.now(UTC),
                        )
                    )
        count += 1
    return count
