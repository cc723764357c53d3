"""Whether mails from a domain are who they say they are: SPF, DKIM and DMARC, read from what its DNS answers. Pure.

Who the mail says it is from is the domain of its From address. SPF (RFC 7208) vouches for the domain of the return
path, DKIM (RFC 6376) for the domain of the key; DMARC (RFC 7489) asks that one of them agrees with From.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FINE, MISSING, WRONG = "fine", "missing", "wrong"
GIVEN_UP_AFTER: Final = 3
"""Looks in a row that find a verified domain wrong: name servers have bad minutes."""


@dataclass(frozen=True, slots=True)
class Record:
    """One line the domain's DNS has to have."""

    purpose: str
    """spf | dkim | dmarc"""
    kind: str
    """CNAME | TXT"""
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What the DNS said, names without their last dot and in small letters."""

    cnames: Mapping[str, str | None]
    texts: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One of the three, as it was found."""

    state: str
    code: str
    found: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All three, and whether mails from the domain pass."""

    findings: Mapping[str, Finding] = field(default_factory=dict)

    @property
    def verified(self) -> bool:
        """All three are in order."""
        return all(each.state == FINE for each in self.findings.values()) and bool(self.findings)


def judge(domain: str, records: Sequence[Record], answers: Answers) -> Verdict:
    """What the answers mean for mails whose From address is of `domain`.

    Without records of a provider (a plain mail server) the domain's own SPF is looked at; DKIM can't be, since nobody
    but the server knows the name of its key.
    """
    dmarc, policy = _dmarc(domain, answers)
    spf = _spf(domain, [r for r in records if r.purpose == "spf"], answers)
    findings = {"spf": spf}
    keys = [r for r in records if r.purpose == "dkim"]
    if keys:
        findings["dkim"] = _dkim(keys, answers)
    findings["dmarc"] = dmarc
    if dmarc.state == FINE and not _aligned(domain, records, policy, findings):
        findings["dmarc"] = Finding(WRONG, "not_aligned", dmarc.found)
    return Verdict(findings)


def dmarc_names(domain: str) -> list[str]:
    """Where a policy may stand: at the domain, else at one above it, the nearest first."""
    labels = domain.split(".")
    return [f"_dmarc.{'.'.join(labels[cut:])}" for cut in range(max(1, len(labels) - 1))][:5]


def same_organization(one: str, other: str) -> bool:
    """Whether two domains agree loosely: they are the same, or one stands above the other."""
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _spf(domain: str, records: Sequence[Record], answers: Answers) -> Finding:
    for record in records:
        if (wrong := _cname(record, answers)) is not None:
            return wrong
    name = records[0].name if records else domain
    policies = [text for text in answers.texts.get(name, ()) if text.lower().split(" ")[0] == "v=spf1"]
    if not policies:
        return Finding(MISSING, "no_spf")
    # RFC 7208 section 4.5: with two of them, receivers take neither.
    return Finding(FINE, "spf", policies[0]) if len(policies) == 1 else Finding(WRONG, "two_spf", " | ".join(policies))


def _dkim(records: Sequence[Record], answers: Answers) -> Finding:
    for record in records:
        if (wrong := _cname(record, answers)) is not None:
            return wrong
    # The provider signs with one key and keeps the other for the day it changes them.
    keys = [text for record in records for text in answers.texts.get(record.name, ())]
    if not any(tags(text).get("p") for text in keys):
        return Finding(MISSING, "no_key")
    return Finding(FINE, "dkim")


def _cname(record: Record, answers: Answers) -> Finding | None:
    found = answers.cnames.get(record.name)
    if found is None:
        return Finding(MISSING, "no_record", record.name)
    return None if found == record.value.lower().rstrip(".") else Finding(WRONG, "other_record", found)


def _dmarc(domain: str, answers: Answers) -> tuple[Finding, Mapping[str, str]]:
    for name in dmarc_names(domain):
        policies = [text for text in answers.texts.get(name, ()) if tags(text).get("v") == "DMARC1"]
        if len(policies) > 1:
            return Finding(WRONG, "two_dmarc", " | ".join(policies)), {}
        if policies:
            policy = tags(policies[0])
            if policy.get("p", "").lower() not in ("none", "quarantine", "reject"):
                return Finding(WRONG, "no_policy", policies[0]), {}
            return Finding(FINE, "dmarc", policies[0]), policy
    return Finding(MISSING, "no_dmarc"), {}


def _aligned(
    domain: str, records: Sequence[Record], policy: Mapping[str, str], findings: Mapping[str, Finding]
) -> bool:
    """Whether SPF or DKIM vouches for the From domain as strictly as its policy asks."""
    if not records:
        return True  # of a plain mail server nobody here knows the return path
    paths = [r.name for r in records if r.purpose == "spf"]
    keys = [r.name.partition("._domainkey.")[2] for r in records if r.purpose == "dkim"]
    for mechanism, option, names in (("spf", "aspf", paths), ("dkim", "adkim", keys)):
        strict = policy.get(option, "r").lower() == "s"
        agrees = any(name == domain if strict else same_organization(name, domain) for name in names)
        if agrees and findings[mechanism].state == FINE:
            return True
    return False


def tags(record: str) -> dict[str, str]:
    """The `name=value` pairs of a DKIM or DMARC record."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): value.strip() for name, _equals, value in pairs if name.strip()}
