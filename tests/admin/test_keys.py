"""Keys of the API, as a merchant makes and ends them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.admin.conftest import rows

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.admin.conftest import Admin

FORM = {"name": "Till", "scopes": "settings:read"}


def test_a_key_is_shown_once_works_and_is_ended(admin: Admin, client: FlaskClient, shop: int) -> None:
    assert "No keys yet" in admin.get("/admin/settings/keys").text
    made = admin.post("/admin/settings/keys", FORM)
    found = re.search(r'value="(rgl_[^"]+)"', made.text)
    assert found is not None
    headers = {"Authorization": f"Bearer {found[1]}"}
    assert client.get("/api/v1/settings", headers=headers).status_code == 200
    assert client.get("/api/v1/customers", headers=headers).status_code == 403
    page = admin.get("/admin/settings/keys").text
    assert found[1] not in page
    assert f"…{found[1][-4:]}" in page
    (key,) = rows(shop, "SELECT id, used_at FROM api_key WHERE shop_id = :shop")
    assert key.used_at is not None
    assert "Revoked" in admin.post(f"/admin/settings/keys/{key.id}/revoke").text
    assert client.get("/api/v1/settings", headers=headers).status_code == 401
    told = rows(shop, "SELECT after FROM audit_entry WHERE shop_id = :shop AND action LIKE 'api_key%' ORDER BY id")
    assert found[1] not in str(told)
    assert told[0].after == {"title": "Till", "scopes": ["settings:read"]}


def test_what_is_missing_is_said_beside_it_and_the_rest_is_kept(admin: Admin, shop: int) -> None:
    answer = admin.post("/admin/settings/keys", {"name": "  ", "scopes": "settings:read"})
    assert answer.status_code == 422
    assert "Say what the key is for" in answer.text
    assert 'value="settings:read" checked' in answer.text
    assert "Choose at least one" in admin.post("/admin/settings/keys", {"name": "Till"}).text
    assert "Choose at least one" in admin.post("/admin/settings/keys", FORM | {"scopes": "everything"}).text
    assert "at most 60" in admin.post("/admin/settings/keys", FORM | {"name": "x" * 61}).text
    assert rows(shop, "SELECT 1 FROM api_key WHERE shop_id = :shop") == []
