"""Links are asked before a message is published: what is gone is named with its place; the rest stops nothing."""

from __future__ import annotations

import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from app.admin import dead_links
from app.admin.dead_links import Found
from app.security import outbound
from app.transaction import engine
from tests.admin.test_editor import EDIT, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.admin.conftest import Admin

TEXT = f"{EDIT}/text/text/sms"
LONG = b"x" * 200_000
OPEN = """
    SELECT count(*) FROM pg_stat_activity
    WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid() AND datname = current_database()"""


class Sites:
    """Other people's sites on this machine: `/410` answers 410, `/200-get` says no to HEAD, `/slow` never answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.ends = threading.Event()
        self.meanwhile: Any = None
        self.url = ""


@pytest.fixture
def sites() -> Iterator[Sites]:
    made = Sites()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            made.asked.append((self.command, self.path))
            if made.meanwhile:
                made.meanwhile()
            if self.path == "/slow":
                made.ends.wait(10)
                return
            status, _, how = self.path.strip("/").partition("-")
            self.send_response(405 if how == "get" and self.command == "HEAD" else int(status))
            self.send_header("Location", "http://169.254.169.254/")
            self.send_header("Content-Length", str(len(LONG)))
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            try:
                self.wfile.write(LONG)
            except OSError:
                return  # nobody reads on

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    outbound.allow(["127.0.0.0/8"])
    yield made
    outbound.allow([])
    made.ends.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "found", "asked"),
    [
        ("/200", Found.THERE, ["HEAD"]),
        ("/302", Found.THERE, ["HEAD"]),
        ("/404", Found.GONE, ["HEAD", "GET"]),
        ("/410", Found.GONE, ["HEAD", "GET"]),
        ("/200-get", Found.THERE, ["HEAD", "GET"]),
        ("/404-get", Found.GONE, ["HEAD", "GET"]),
        ("/401", Found.UNCLEAR, ["HEAD", "GET"]),
        ("/403", Found.UNCLEAR, ["HEAD", "GET"]),
        ("/429", Found.UNCLEAR, ["HEAD", "GET"]),
        ("/503", Found.UNCLEAR, ["HEAD", "GET"]),
    ],
)
def test_what_an_answer_means(sites: Sites, path: str, found: Found, asked: list[str]) -> None:
    assert dead_links.ask([sites.url + path] * 2) == {sites.url + path: found}
    assert sites.asked == [(method, path) for method in asked], "each address once"


@pytest.mark.parametrize(
    ("error", "found"),
    [(socket.EAI_NONAME, Found.NO_SUCH_SITE), (socket.EAI_AGAIN, Found.UNCLEAR)],
    ids=["no such name", "no name server"],
)
def test_a_name_is_dead_only_when_its_server_says_so(error: int, found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_asked: Any, **_more: Any) -> Any:
        raise socket.gaierror(error, "no")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert dead_links.ask(["https://nobody.example/"]) == {"https://nobody.example/": found}


def test_what_may_not_be_called_is_not_called(sites: Sites) -> None:
    outbound.allow([])
    assert set(dead_links.ask([f"{sites.url}/200", "http://169.254.169.254/latest"]).values()) == {Found.UNCLEAR}
    assert sites.asked == []


def test_a_slow_site_holds_a_page_up_no_longer_than_the_deadline(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_links, "SECONDS", 0.2)
    found = dead_links.ask([f"{sites.url}/404", f"{sites.url}/slow"])
    assert found == {f"{sites.url}/404": Found.GONE, f"{sites.url}/slow": Found.UNCLEAR}


def test_who_comes_while_others_are_asking_is_not_kept_waiting(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_links, "_checks", threading.BoundedSemaphore(1))
    others: list[dict[str, Found]] = []

    def meanwhile() -> None:
        sites.meanwhile = None
        others.append(dead_links.ask([f"{sites.url}/404"]))

    sites.meanwhile = meanwhile
    assert dead_links.ask([f"{sites.url}/200"]) == {f"{sites.url}/200": Found.THERE}
    assert others == [{f"{sites.url}/404": Found.UNCLEAR}]


def keep(admin: Admin, source: str) -> None:
    assert admin.post(TEXT, {"seen": seen(admin.get(EDIT).text), "source": source}).status_code == 200


def test_a_message_is_told_which_of_its_links_are_dead_and_where(admin: Admin, sites: Sites) -> None:
    keep(admin, f"Look\n{sites.url}/404 {sites.url}/200\n{sites.url}/403 {{{{ checkout.url }}}} Reply STOP")
    assert f'hx-get="{TEXT}/links" hx-trigger="load"' in admin.get(TEXT).text
    found = admin.get(f"{TEXT}/links").text
    assert re.findall(r"<li>(.*?)</li>", found) == [
        f"Line 2: The link {sites.url}/404 leads to a page that isn&#39;t there.", f"{sites.url}/403",
    ]  # fmt: skip
    assert "One address could not be checked" in found
    assert sorted({path for _, path in sites.asked}) == ["/200", "/403", "/404"]


def test_nothing_is_asked_while_a_transaction_is_open(admin: Admin, sites: Sites) -> None:
    keep(admin, f"{sites.url}/200 {{{{ checkout.url }}}} Reply STOP")
    open_ones: list[int] = []

    def look() -> None:
        with engine().connect() as connection:  # as the owner: what others do is hidden from the app's own role
            open_ones.append(connection.scalar(text(OPEN)) or 0)

    sites.meanwhile = look
    assert "No dead link was found" in admin.get(f"{TEXT}/links").text
    assert open_ones == [0]


def test_publishing_shows_what_is_worth_a_look_and_is_never_stopped_by_it(admin: Admin, sites: Sites) -> None:
    keep(admin, f"Hello {sites.url}/404 {{{{ checkout.nothing }}}}")
    page = admin.get("/admin/journeys/abandoned_checkout/publish").text
    assert f'hx-get="{EDIT}/links" hx-trigger="load"' in page
    assert sites.asked == [], "the page itself waits for nobody"
    found = admin.get(f"{EDIT}/links").text
    assert f'<h3><a href="{TEXT}">' in found
    for part in ("/404 leads to a page", "There is no checkout.nothing", "A marketing text must say how to stop"):
        assert part in found
    answer = admin.post("/admin/journeys/abandoned_checkout/publish", {"seen": seen(page), "waiting": "stay"})
    assert "Version 2 is published" in answer.headers["HX-Trigger"]


def test_a_message_that_is_none_has_no_links(admin: Admin) -> None:
    assert admin.get(f"{EDIT}/text/nobody/sms/links").status_code == 404
