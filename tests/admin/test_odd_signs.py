"""No field of any page falls over what a program may put into it: every route, with every field name there is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.admin.test_roles import FORMS, address, member, some
from tests.house.tree import sources

if TYPE_CHECKING:
    from flask import Flask

    from tests.admin.conftest import Admin

ASKED_FOR = re.compile(r"""(?:args|form|given|values)(?:\.get|\.getlist|\[)\(?["']([a-z_]+)["']""")
TEMPLATED = re.compile(r'name="([a-z_]+)"')
ODD = {"NUL": "a\0b", "a number too large": "9" * 400}


def fields() -> list[str]:
    """Every name that a page asks a request for, or puts into a form."""
    found = {name for source in sources("app") for name in ASKED_FOR.findall(source.text)}
    folder = sources("app")[0].path.parent
    for template in folder.rglob("*.html"):
        found.update(TEMPLATED.findall(template.read_text("utf-8")))
    return sorted(found - {"id_token", "shop"})


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_no_page_of_the_admin_falls_over_an_odd_sign(
    app: Flask, admin: Admin, shop: int, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", value=False)
    admin.get("/admin/settings/team")
    ids = some(shop) | {"member_id": member(shop, "42").id}
    given = dict.fromkeys(fields(), odd)
    assert len(given) > 40
    worst = {}
    for rule in sorted(app.url_map.iter_rules(), key=str):
        if not rule.endpoint.startswith("admin."):
            continue
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            where = address(rule, ids)
            if method == "GET":
                answer = admin.get(where, **given)
            else:
                answer = admin.post(where, {**given, "do": FORMS.get(rule.endpoint, {}).get("do", odd)})
            if answer.status_code >= 500:
                worst[f"{method} {rule}"] = answer.status_code
    assert worst == {}


@pytest.mark.parametrize(
    "path", ["/admin/journeys/a%00b", "/c/a%00b", "/review/%00", "/u/%00", "/api/v1/customers/%00"]
)
def test_a_nul_in_a_path_leads_nowhere(admin: Admin, path: str) -> None:
    assert admin.get(path).status_code == 404
