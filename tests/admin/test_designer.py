"""A message's text: checked while it is typed, and taken apart into blocks and put together again."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.admin.advising import SENTENCES, check
from app.content import advice
from app.content.faults import TemplateFault
from tests.admin.conftest import rows

if TYPE_CHECKING:
    from tests.admin.conftest import Admin

TEXT = "/admin/journeys/abandoned_checkout/edit/text/first/email"
DESIGN = "/admin/journeys/abandoned_checkout/edit/design/first"


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*?(?: value="([^"]*)"|>([^<]*)<)', page)
    assert found is not None, name
    return unescape(found[1] if found[1] is not None else found[2])


def form(page: str) -> dict[str, str]:
    return {name: field(page, name) for name in ("seen", "subject", "preheader", "body")}


def test_every_advice_has_its_sentence() -> None:
    codes = set(re.findall(r'Advice\(\s*"(\w+)"', Path(advice.__file__).read_text("utf-8")))
    assert codes == set(SENTENCES)


def test_a_check_names_the_line_and_what_to_do() -> None:
    fallback = "{{ customer.first_name | default: '…' }}"
    assert check("sms", "Hi\n{{ customer.first_name }}, {{ shop.name }}", marketing=True) == [
        f"Line 2: Not everybody has customer.first_name. Say what stands there instead: {fallback}.",
        "A marketing text must say how to stop, e.g. “Reply STOP to opt out”.",
    ]
    broken = check("sms", "Hi\n{% if x %}", marketing=True)
    assert isinstance(broken, TemplateFault)
    assert broken.line == 2


def test_what_is_typed_is_looked_at_and_nothing_is_kept(admin: Admin, shop: int) -> None:
    before = rows(shop, "SELECT count(*) AS n FROM template WHERE shop_id = :shop")[0].n
    source = field(admin.get(TEXT).text, "source")
    fine = admin.post(f"{TEXT}/check", {"source": source})
    assert "Nothing to mend" in fine.text
    assert "srcdoc" in fine.text
    worse = admin.post(f"{TEXT}/check", {"source": source.replace('| default: "there"', "")})
    assert "Not everybody has customer.first_name" in worse.text
    broken = admin.post(f"{TEXT}/check", {"source": source.replace("</mj-section>", "", 1)})
    assert 'role="alert"' in broken.text
    assert rows(shop, "SELECT count(*) AS n FROM template WHERE shop_id = :shop")[0].n == before
    assert rows(shop, "SELECT count(*) AS n FROM journey_revision WHERE shop_id = :shop")[0].n == 0


def test_blocks_are_kept_as_the_source_they_were_made_of(admin: Admin) -> None:
    source = field(admin.get(TEXT).text, "source")
    made = form(admin.get(DESIGN).text)
    answer = admin.post(DESIGN, made | {"subject": "Still yours & waiting"})
    assert answer.status_code == 200
    assert answer.headers["Kept"] == "yes"
    kept = field(admin.get(TEXT).text, "source")
    assert "<mj-title>Still yours &amp; waiting</mj-title>" in kept
    assert kept.split("<mj-body", 1)[1].split() == source.split("<mj-body", 1)[1].split()
    again = admin.post(DESIGN, made | {"subject": "Once more", "seen": field(answer.text, "seen")})
    assert again.headers["Kept"] == "yes"


def test_blocks_that_are_no_mail_are_answered_and_nothing_is_kept(admin: Admin) -> None:
    made = form(admin.get(DESIGN).text)
    source = field(admin.get(TEXT).text, "source")
    broken = made["body"].replace('code="{% endif %}"', 'code="{% nope %}"')
    answer = admin.post(DESIGN, made | {"body": broken})
    assert (answer.status_code, answer.headers["Kept"]) == (422, "no")
    assert "There is no tag called" in answer.text
    assert admin.post(DESIGN, made | {"body": "<p>no mail</p>"}).status_code == 404
    assert (
        admin.post(
            DESIGN, made | {"body": made["body"].replace("<mj-text", "<script>1</script><mj-text", 1)}
        ).status_code
        == 422
    )
    assert field(admin.get(TEXT).text, "source") == source


def test_the_second_of_two_is_told(admin: Admin) -> None:
    made = form(admin.get(DESIGN).text)
    assert admin.post(DESIGN, made | {"subject": "First"}).headers["Kept"] == "yes"
    late = admin.post(DESIGN, made | {"subject": "Second"})
    assert (late.status_code, late.headers["Kept"]) == (422, "no")
    assert "Somebody else changed this journey" in late.text


@pytest.mark.parametrize("path", [DESIGN.replace("first", "nope"), DESIGN.replace("abandoned_checkout", "nope")])
def test_what_is_not_there_is_not_found(admin: Admin, path: str) -> None:
    assert admin.get(path).status_code == 404
    assert admin.post(path, {"body": "<mj-body></mj-body>"}).status_code == 404
