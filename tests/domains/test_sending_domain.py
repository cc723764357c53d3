"""A shop's sending domain from its first look to verified, and back; nobody borrows another shop's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from app.domains import lookup, service as domains
from app.domains.lookup import DnsAwayError
from app.shops import service as shops, settings as shop_settings
from app.transaction import transaction
from local.ports import free_port
from tests.conftest import make_shop
from tests.messages.conftest import make_message, make_person, run_sql, state

if TYPE_CHECKING:
    from tests.core.conftest import World
    from tests.domains.conftest import Names

OWN = "roastery.example"


def choose_sender(shop_id: int, address: str) -> None:
    with transaction(shop_id) as session:
        shop = shops.get(session)
        shop.settings = shop_settings.changed(shop, "sender", {"email": address})


def look_at_all(world: World, names: Names) -> None:
    for shop_id in {world.shop_id, *others(world)}:
        with transaction(shop_id) as session:
            domains.present(session, names.settings)
    domains.run(names.settings)


def others(world: World) -> set[int]:
    return getattr(world, "others", set())


def row(world: World, domain: str = OWN) -> Any:
    return world.rows("SELECT * FROM sending_domain WHERE domain = :domain", domain=domain)[0]


def test_a_domain_is_made_at_the_provider_seen_in_the_dns_and_its_mails_go(world: World, names: Names) -> None:
    choose_sender(world.shop_id, f"hello@{OWN}")
    waiting = make_message(world, make_person(world))
    world.handover.drain()
    assert state(world, waiting) == ("deferred", "domain_unverified")
    look_at_all(world, names)
    found = row(world)
    assert (found.state, found.verified_at, found.error) == ("verified", world.time.at, None)
    assert [r["purpose"] for r in found.records] == ["spf", "dkim", "dkim"]
    assert {each["state"] for each in found.findings.values()} == {"fine"}
    world.handover.drain()
    assert state(world, waiting)[0] == "accepted", "what waited for it goes at once"


def test_records_that_are_not_there_yet_are_named_and_looked_for_again(world: World, names: Names) -> None:
    names.domains.publishes = False
    choose_sender(world.shop_id, f"hello@{OWN}")
    look_at_all(world, names)
    found = row(world)
    assert found.state == "unverified"
    assert found.findings["spf"]["code"] == "no_record"
    for record in found.records:
        names.zone.put(record["name"], record["kind"], record["value"])
    names.zone.put(f"_dmarc.{OWN}", "TXT", "v=DMARC1; p=quarantine")
    assert domains.run(names.settings) == 0, "not due yet"
    with transaction(world.shop_id) as session:
        domains.look_soon(session, names.settings)
    assert domains.run(names.settings) == 1
    assert row(world).state == "verified"
    assert len(names.domains.made) == 1, "the provider is asked for records once"


def test_a_bad_hour_of_the_dns_takes_nothing_away_and_a_removed_record_does(world: World, names: Names) -> None:
    choose_sender(world.shop_id, f"hello@{OWN}")
    look_at_all(world, names)
    record = row(world).records[0]
    names.zone.put(record["name"], "CNAME", None)
    for expected in ("verified", "verified", "unverified"):
        world.time.move(days=1)
        domains.run(names.settings)
        assert row(world).state == expected
    names.zone.put(record["name"], "CNAME", record["value"])
    since = row(world).verified_at
    world.time.move(days=1)
    domains.run(names.settings)
    assert (row(world).state, row(world).verified_at) == ("verified", since), "the ramp doesn't begin anew"


def test_a_name_server_that_is_silent_tells_nothing(
    world: World, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "SECONDS_A_QUESTION", 0.2)
    choose_sender(world.shop_id, f"hello@{OWN}")
    look_at_all(world, names)
    deaf = replace(names.settings, dns_resolver=f"127.0.0.1:{free_port()}")
    world.time.move(days=1)
    domains.run(deaf)
    assert row(world).state == "verified"
    assert row(world).error.startswith("dns:")
    with pytest.raises(DnsAwayError):
        lookup.ask(deaf.dns_resolver, OWN, ())


def test_the_provider_has_the_last_word(world: World, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(names.domains), "_publish", lambda *_: None)
    choose_sender(world.shop_id, f"hello@{OWN}")
    look_at_all(world, names)
    assert row(world).state == "unverified"
    refused = replace(names.settings, sendgrid=replace(names.settings.sendgrid, api_key="SG.wrong"))
    choose_sender(world.shop_id, "hello@other.example")
    with transaction(world.shop_id) as session:
        domains.present(session, refused)
    domains.run(refused)
    assert (row(world, "other.example").state, row(world, "other.example").error) == ("waiting", "http_401")


def test_a_shop_that_writes_another_shops_domain_into_its_settings_stays_out(world: World, names: Names) -> None:
    choose_sender(world.shop_id, f"hello@{OWN}")
    look_at_all(world, names)
    thief = make_shop("thief.myshopify.com")
    choose_sender(thief, f"ceo@{OWN}")
    names.domains.publishes = False  # the DNS is its owner's
    theirs = replace(world, shop_id=thief)
    order = make_message(theirs, make_person(theirs), purpose="transactional", audience="anyone")
    with transaction(thief) as session:
        assert domains.present(session, names.settings).taken, "known before anybody has looked at its DNS"
    theirs.handover.drain()
    assert state(theirs, order) == ("deferred", "domain_taken")
    look_at_all(theirs, names)
    found = row(theirs)
    assert (found.state, found.taken) == ("unverified", True)
    assert found.records[0]["name"] != row(world).records[0]["name"], "each shop has records of its own to show"
    run_sql(theirs, 'UPDATE shop SET settings = settings || \'{"sending": {"unverified": true}}\'')


def test_the_hosts_own_domain_is_nobodys_to_take(world: World, names: Names) -> None:
    new = replace(world, shop_id=make_shop("new.myshopify.com", verified=False))
    with transaction(new.shop_id) as session:
        assert not domains.present(session, names.settings).taken
    names.domains.publishes = False
    look_at_all(new, names)
    assert (row(new, "shop.example").state, row(new, "shop.example").taken) == ("unverified", False)


def test_the_hosts_own_domain_serves_every_shop_that_has_none(world: World, names: Names) -> None:
    run_sql(world, "DELETE FROM sending_domain")
    domains.run(names.settings)
    assert row(world, "shop.example").state == "verified"
    assert row(world, "shop.example").records[0]["name"] == "em1.shop.example"
