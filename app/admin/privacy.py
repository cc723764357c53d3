"""Settings, Privacy: what people asked to see or to have erased, and the files that were made for them."""

from __future__ import annotations

from typing import Final

import orjson
from flask import Response, g, request

from app import clock
from app.admin import paging
from app.admin.guard import bp
from app.admin.queries import privacy as queries
from app.admin.showing import missing, page
from app.admin.words import _
from app.privacy import service as privacy
from app.transaction import transaction

KINDS: Final = {
    "data_request": _("Wants to see their data"),
    "customer_redact": _("Wants their data erased"),
    "shop_redact": _("The store's data is to be erased"),
}


@bp.get("/admin/settings/privacy", endpoint="privacy")
def listed() -> Response:
    """Every request, newest first."""
    before = paging.read(request.args.get("before"))
    with transaction(g.shop_id) as session:
        rows, following = paging.cut(queries.requests(session, g.shop_id, before, clock.now()), "received_at")
    return page(
        "privacy.html",
        title=_("Privacy"),
        requests=rows,
        kinds=KINDS,
        older=following and f"/admin/settings/privacy?before={following}",
        newer=before and "/admin/settings/privacy",
    )


@bp.get("/admin/settings/privacy/<int:file_id>.json", endpoint="privacy_file")
def as_file(file_id: int) -> Response:
    """One person's data, to pass on to them; it goes on record who took it."""
    with transaction(g.shop_id) as session:
        content = privacy.download(session, file_id, f"user:{g.user_id}")
    if content is None:
        return missing(_("There is no such file any more"))
    response = Response(orjson.dumps(content, option=orjson.OPT_INDENT_2), mimetype="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="personal-data-{file_id}.json"'
    return response
