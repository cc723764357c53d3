"""The set-up guide: it looks for itself, goes when nothing is left, and can be hidden."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from hypothesis import given, strategies as st

from app.admin import guide
from app.shops import service as shops, settings as shop_settings
from app.transaction import transaction
from tests.admin.conftest import add_customer, add_message, rows

if TYPE_CHECKING:
    from tests.admin.conftest import Admin

part = st.builds(
    SimpleNamespace,
    state=st.sampled_from(["waiting", "exporting", "reading", "done", "failed"]),
    lines_read=st.integers(0, 500),
    things=st.integers(0, 400),
)


def found(**more: Any) -> guide.Found:
    values: dict[str, Any] = {
        "connected": True, "imports": [SimpleNamespace(state="done", lines_read=1, things=1)],
        "sends_as": "a@b.example", "domain_verified": True, "email": True, "sms": True, "brand_chosen": True,
        "consent_chosen": True,
        "postal_address": True, "journeys_on": 1, "test_received": True,
    }  # fmt: skip
    return guide.Found(**(values | more))


def left(page: str) -> list[str]:
    return re.findall(r'<li class="open" id="task-([a-z]+)"', page)


def test_nothing_is_left_when_everything_is_found() -> None:
    assert [t.code for t in guide.tasks(found()) if not t.done] == []
    lacks: dict[str, dict[str, Any]] = {
        "store": {"connected": False}, "history": {"imports": []}, "sender": {"domain_verified": False},
        "address": {"postal_address": False}, "sms": {"sms": False}, "brand": {"brand_chosen": False},
        "consent": {"consent_chosen": False}, "test": {"test_received": False}, "journey": {"journeys_on": 0},
    }  # fmt: skip
    for code, lack in lacks.items():
        assert [t.code for t in guide.tasks(found(**lack)) if not t.done] == [code]


@given(st.lists(part, max_size=5))
def test_the_share_of_history_is_whole_only_when_all_of_it_is_in(imports: list[Any]) -> None:
    history = next(t for t in guide.tasks(found(imports=imports)) if t.code == "history")
    assert history.share is not None
    assert 0 <= history.share <= 1
    assert history.done == (bool(imports) and all(p.state == "done" for p in imports))


def test_home_shows_what_is_left_and_finds_out_when_it_is_done(admin: Admin, shop: int) -> None:
    page = admin.get("/").text
    assert {"history", "sender", "brand", "test", "journey"} <= set(left(page))
    assert "Turn on all 6" in page
    admin.post("/admin/settings/brand", {"color": "#112233", "text_color": "#111111", "background": "#ffffff",
                                         "font": "", "logo_url": "", "button_radius": "6"})  # fmt: skip
    admin.post("/admin/journeys/post_purchase/on")
    rows(
        shop,
        "INSERT INTO import (shop_id, kind, span, generation, position, state, lines_read, things, tries, due_at) "
        "VALUES (:shop, 'customers', 'recent', 1, 0, 'reading', 40, 100, 0, now()) RETURNING id",
    )
    part = admin.get("/admin/home/guide").text
    assert "40 %" in part
    assert 'hx-get="/admin/home/guide"' in part, "it refreshes itself while the history is read"
    rows(shop, "UPDATE import SET state = 'done' WHERE shop_id = :shop RETURNING id")
    part = admin.get("/admin/home/guide").text
    assert {"history", "brand", "journey"} & set(left(part)) == set()
    assert "hx-get" not in part
    test = add_message(shop, add_customer(shop))
    with transaction(shop) as session:
        stored = shops.get(session)
        chosen = shop_settings.of(stored).guide.model_copy(update={"test_message": test})
        stored.settings = shop_settings.changed(stored, "guide", chosen.model_dump())
    assert "test" in left(admin.get("/").text), "sent, but not taken by anybody yet"
    rows(shop, "UPDATE message SET state = 'accepted', accepted_at = now() WHERE shop_id = :shop RETURNING id")
    assert "test" not in left(admin.get("/").text)


def test_the_guide_is_hidden_and_shown_again(admin: Admin) -> None:
    assert 'id="guide"' not in admin.post("/admin/home/guide/hide").text
    page = admin.get("/").text
    assert 'id="guide"' not in page
    assert "Turn on all 6" in page, "what matters most is still there"
    assert 'id="guide"' in admin.post("/admin/home/guide/show").text
    assert admin.post("/admin/home/guide/burn").status_code == 404
