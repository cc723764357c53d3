"""What is answered when something goes wrong: a page that says what to do, to scripts a sentence, to the API a problem.

What happened stands in the log once, under the reference that the page shows, and nowhere in the answer.
"""

from __future__ import annotations

import logging
import secrets
from functools import partial

import orjson
from flask import Flask, Response, g, render_template, request
from sqlalchemy.exc import OperationalError, TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from app.admin.guard import content_policy, is_by_script
from app.admin.words import _
from app.api.calls import ROOT as API
from app.api.hosting import problem_of
from app.content import localise
from app.shops.settings import Brand
from app.storefront.subscription_views import PAGE_HEADERS

log = logging.getLogger(__name__)

RETRY_SECONDS = 30
FAULT = 500
"""From here on it is ours."""
NOTHING_THERE = (_("There is nothing here"), _("It may have been moved or removed. Go back, or choose another page."))
TO_MERCHANTS = {
    400: (_("This can't be read"), _("Something in the request can't be. Go back and try again.")),
    404: NOTHING_THERE,
    405: NOTHING_THERE,
    413: (_("This is too large"), _("Choose a smaller file, or send less at once.")),
    429: (_("A little slower, please"), _("Too much came at once. Wait a moment and try again.")),
    500: (_("Something went wrong on our side"), _("What was saved is safe. Try again in a minute.")),
    503: (_("We'll be back in a moment"), _("The database can't be reached just now. Nothing is lost: try again.")),
}
LEADS_NOWHERE = (
    "This link leads nowhere",
    "It may be incomplete or too old. Open the message once more and use the link in there.",
)
TO_SHOPPERS = {
    400: LEADS_NOWHERE,
    404: LEADS_NOWHERE,
    405: LEADS_NOWHERE,
    429: ("A little slower, please", "Too much came from your network at once. Wait a moment and try again."),
    500: ("Something went wrong on our side", "It isn't your doing. Please try again in a minute."),
    503: ("We'll be back in a moment", "Please try again in a minute."),
}


class Application(Flask):
    """Flask, which writes an exception down without the address it came by: addresses hold tokens."""

    def log_exception(self, exc_info: object) -> None:
        """Log what no handler expected, by the place it was met and a reference to find it again."""
        g.reference = secrets.token_hex(4)
        log.error(
            "request_failed",
            extra={"endpoint": request.endpoint, "method": request.method, "reference": g.reference},
            exc_info=exc_info,  # type: ignore[arg-type]
        )


def register(app: Flask) -> None:
    """Answer for everything that goes wrong in this application."""
    app.register_error_handler(HTTPException, answer)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(PoolTimeoutError, _database_away)


def _database_away(error: Exception) -> Response:
    log.error("database_unavailable", extra={"endpoint": request.endpoint, "error": type(error).__name__})
    return answer(ServiceUnavailable(retry_after=RETRY_SECONDS))


def answer(error: HTTPException) -> Response:
    """The answer to an error, in the words of whom it is for."""
    status = error.code or FAULT
    if request.path.startswith(f"{API}/"):
        response = problem_of(status)
    else:
        response = _for_merchants(status) if _is_admin() else _for_shoppers(status)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _is_admin() -> bool:
    return request.path == "/" or request.path.startswith(("/admin", "/auth"))


def _for_merchants(status: int) -> Response:
    title, what = _words(TO_MERCHANTS, status)
    if is_by_script():
        headers = {"HX-Reswap": "none", "HX-Trigger": orjson.dumps({"said": {"message": what, "bad": True}}).decode()}
        return Response(what, status, headers, mimetype="text/plain")
    html = render_template("admin/trouble.html", title=title, what=what, reference=g.get("reference"))
    return Response(html, status, {"Content-Security-Policy": content_policy(g.get("shop_domain"))})


def _for_shoppers(status: int) -> Response:
    title, what = _words(TO_SHOPPERS, status)
    if "text/html" not in request.headers.get("Accept", ""):  # providers and scanners; browsers name it
        return Response(what, status, PAGE_HEADERS, mimetype="text/plain")
    # Whose link it was isn't known, so it is said in the browser's language.
    language = localise.chosen(request.accept_languages.best)
    say = partial(localise.said, language)
    html = render_template(
        "storefront/trouble.html",
        title=say(title),
        what=say(what),
        reference=g.get("reference"),
        brand=Brand(),
        lang=language,
        _=say,
    )
    return Response(html, status, PAGE_HEADERS)


def _words(known: dict[int, tuple[str, str]], status: int) -> tuple[str, str]:
    return known.get(status, known[FAULT if status >= FAULT else 400])
