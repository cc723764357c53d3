"""What a domain's DNS says about mails from it: every way in which SPF, DKIM and DMARC can be right or wrong."""

from __future__ import annotations

from typing import Any

import pytest

from app.domains import rules
from app.domains.rules import Answers, Finding, Record

DOMAIN = "shop.example"
PATH, HOST = "rg12.shop.example", "u1.wl1.sendgrid.net"
RECORDS = (
    Record("spf", "CNAME", PATH, HOST),
    Record("dkim", "CNAME", "s1._domainkey.shop.example", f"s1.domainkey.{HOST}"),
    Record("dkim", "CNAME", "s2._domainkey.shop.example", f"s2.domainkey.{HOST}"),
)
CNAMES = {record.name: record.value for record in RECORDS}
TEXTS: dict[str, list[str]] = {
    PATH: ["v=spf1 ip4:149.72.0.1 -all"],
    "s1._domainkey.shop.example": ["k=rsa; t=s; p=MIGf"],
    "s2._domainkey.shop.example": [],
    "_dmarc.shop.example": ["v=DMARC1; p=none; rua=mailto:d@shop.example"],
}


def judged(cnames: dict[str, Any] | None = None, texts: dict[str, list[str]] | None = None) -> rules.Verdict:
    return rules.judge(DOMAIN, RECORDS, Answers(CNAMES | (cnames or {}), TEXTS | (texts or {})))


def test_a_domain_in_order_passes() -> None:
    verdict = judged()
    assert verdict.verified
    assert {name: each.state for name, each in verdict.findings.items()} == dict.fromkeys(
        ("spf", "dkim", "dmarc"), "fine"
    )


@pytest.mark.parametrize(
    ("cnames", "texts", "name", "code"),
    [
        ({PATH: None}, {}, "spf", "no_record"),
        ({PATH: "u2.wl9.sendgrid.net"}, {}, "spf", "other_record"),
        ({}, {PATH: []}, "spf", "no_spf"),
        ({}, {PATH: ["v=spf10 -all"]}, "spf", "no_spf"),
        ({}, {PATH: ["v=spf1 -all", "v=spf1 +all"]}, "spf", "two_spf"),
        ({"s1._domainkey.shop.example": None}, {}, "dkim", "no_record"),
        ({"s2._domainkey.shop.example": "elsewhere.example"}, {}, "dkim", "other_record"),
        ({}, {"s1._domainkey.shop.example": ["k=rsa; p="]}, "dkim", "no_key"),
        ({}, {"_dmarc.shop.example": []}, "dmarc", "no_dmarc"),
        ({}, {"_dmarc.shop.example": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}, "dmarc", "two_dmarc"),
        ({}, {"_dmarc.shop.example": ["v=DMARC1; rua=mailto:x@y.example"]}, "dmarc", "no_policy"),
        ({}, {"_dmarc.shop.example": ["v=DMARC1; p=monitor"]}, "dmarc", "no_policy"),
    ],
)
def test_each_fault_has_its_name(cnames: Any, texts: Any, name: str, code: str) -> None:
    verdict = judged(cnames, texts)
    assert not verdict.verified
    assert verdict.findings[name].code == code


@pytest.mark.parametrize(
    ("policy", "aligned"),
    [
        ("v=DMARC1; p=reject; aspf=r; adkim=r", True),
        ("v=DMARC1; p=reject; aspf=s", True),  # the return path is a subdomain, but the key is the domain's own
        ("v=DMARC1; p=reject; aspf=s; adkim=s", True),
        ("V=dmarc1; p=none", False),  # the version is written in capitals (RFC 7489 6.4): no policy at all
    ],
)
def test_alignment_is_as_strict_as_the_policy_asks(policy: str, aligned: bool) -> None:  # noqa: FBT001
    assert (judged(texts={"_dmarc.shop.example": [policy]}).findings["dmarc"].state == "fine") is aligned


def test_a_strict_policy_of_a_subdomain_is_not_met_by_records_of_the_domain_above() -> None:
    texts = TEXTS | {"_dmarc.news.shop.example": ["v=DMARC1; p=reject; aspf=s; adkim=s"]}
    verdict = rules.judge("news.shop.example", RECORDS, Answers(CNAMES, texts))
    assert verdict.findings["dmarc"] == Finding("wrong", "not_aligned", "v=DMARC1; p=reject; aspf=s; adkim=s")


def test_the_policy_of_the_domain_above_counts_for_a_subdomain() -> None:
    assert rules.dmarc_names("news.shop.example") == ["_dmarc.news.shop.example", "_dmarc.shop.example"]
    assert rules.dmarc_names("example") == ["_dmarc.example"]
    assert rules.judge("news.shop.example", RECORDS, Answers(CNAMES, TEXTS)).verified


def test_neighbours_are_not_one_organization() -> None:
    assert rules.same_organization("em.shop.example", "shop.example")
    assert not rules.same_organization("evilshop.example", "shop.example")
    assert not rules.same_organization("a.example", "b.example")


def test_a_plain_mail_server_is_judged_by_the_domain_s_own_spf_and_policy() -> None:
    texts = {
        "shop.example": ["site-verification=x", "v=spf1 mx -all"],
        "_dmarc.shop.example": ["v=DMARC1; p=none"],
    }
    assert rules.judge(DOMAIN, (), Answers({}, texts)).verified
    assert not rules.judge(DOMAIN, (), Answers({}, {})).verified
