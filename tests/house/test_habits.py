"""One way to do a thing: where the clock, the environment, a commit, a role and a terminal may be touched."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from tests.house.tree import ROOT, Source, committed, sources

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_FILE = 400

COMMITS = {
    "app/transaction.py": "the one way to the database",
    "app/inbox/accept.py": "group commit: one flush to disk for all webhooks that wait (ADR 6)",
}
ROLES = {
    "app/transaction.py": "sets the role and the shop for one transaction",
    "app/inbox/accept.py": "the group commit's own transaction, as the clerk",
}

WALL_CLOCK = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time"),
    ("time", "time_ns"), ("time", "monotonic"), ("time", "perf_counter"), ("time", "sleep"),
}  # fmt: skip


def calls(source: Source) -> Iterator[tuple[int, str, str]]:
    """Line, receiver and name of everything that is called: `a.b.c()` gives (b, c), `print()` gives ("", print)."""
    for node in ast.walk(source.syntax):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name):
            yield node.lineno, "", called.id
        elif isinstance(called, ast.Attribute):
            receiver = called.value
            yield node.lineno, _last_name(receiver), called.attr


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    return node.attr if isinstance(node, ast.Attribute) else ""


def test_only_the_clock_reads_the_wall_clock() -> None:
    read = [
        f"{source.place}:{line} {receiver}.{name}()"
        for source in sources("app", "workers", "rsgi")
        if source.place != "app/clock.py"
        for line, receiver, name in calls(source)
        if (receiver, name) in WALL_CLOCK
    ]
    assert read == [], "take clock.now() (business time), clock.real_now(), clock.monotonic() or clock.pause()"


def test_only_config_looks_at_the_environment() -> None:
    looked = [
        f"{source.place}:{node.lineno}"
        for source in sources("app", "workers", "wsgi", "rsgi", "migrations")
        for node in ast.walk(source.syntax)
        if (
            isinstance(node, ast.Attribute)
            and node.attr in ("environ", "environb", "getenv")
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
        )
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and any(alias.name in ("environ", "getenv") for alias in node.names)
        )
    ]
    assert looked == [], "add a field to config.Settings (and its line to the README's table) and pass it in"


def test_only_transaction_commits() -> None:
    committing = {
        source.place
        for source in sources("app", "workers", "rsgi")
        for _, receiver, name in calls(source)
        # `connection.transaction()` is how psycopg spells it; `transaction.transaction(shop_id)` is ours.
        if name == "commit" or (name in ("begin", "transaction") and receiver in ("connection", "session", "engine"))
    } | {source.place for source in sources("app", "workers", "rsgi") if 'execute(b"COMMIT")' in source.text}
    assert committing == set(COMMITS), (
        "work inside `with transaction(shop_id)`: leaving it commits. Commits elsewhere split what belongs together"
    )


def test_only_transaction_sets_the_role() -> None:
    setting = {
        source.place
        for source in sources("app", "workers")
        if re.search(
            r"set_config\s*\(\s*'role'|\bSET\s+(LOCAL\s+)?ROLE\b|\bRESET\s+ROLE\b|SESSION\s+AUTHORIZATION", source.text
        )
    }
    assert setting == set(ROLES), "the wall between shops holds only because nobody else changes the role"


def test_nobody_prints() -> None:
    printing = [
        f"{s.place}:{line}"
        for s in sources("app")
        for line, receiver, name in calls(s)
        if (receiver, name) == ("", "print")
    ]
    assert printing == [], "log an event with ids, or answer with a value"


def test_blind_excepts_say_why() -> None:
    blind = []
    for source in sources("app", "workers"):
        lines = source.text.splitlines()
        for node in ast.walk(source.syntax):
            caught = node.type if isinstance(node, ast.ExceptHandler) else None
            if (
                isinstance(node, ast.ExceptHandler)
                and (caught is None or (isinstance(caught, ast.Name) and caught.id in ("Exception", "BaseException")))
                and "#" not in lines[node.lineno - 1]
            ):
                blind.append(f"{source.place}:{node.lineno}")
    assert blind == [], "`except Exception` belongs to an outermost edge only, and its line says which edge that is"


@pytest.mark.parametrize("part", ["app", "workers"])
def test_files_fit_a_reader(part: str) -> None:
    long = {s.place for s in sources(part) if len(s.text.splitlines()) > LONGEST_FILE}
    assert long == set(), f"over {LONGEST_FILE} lines: make it a package of the same name"


# Letters in brackets, so that this file does not find itself.
REGISTRIES = re.compile(r"pypi[.]org|pythonhosted[.]org|npmjs[.](?:org|com)|yarnpkg[.]com|artifactor[y]|goprox[y]")
MACHINE_PATHS = re.compile(r"(?<![\w.:/~-])/(?:hom[e]|roo[t]|wor[k]|User[s])/[a-zA-Z]")


def test_no_registry_is_named() -> None:
    named = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in committed()
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if REGISTRIES.search(line)
    ]
    assert named == [], "packages come from whatever registry the reader's pip and npm are set up for; name none"


def test_no_path_of_somebodys_machine_is_named() -> None:
    named = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in committed()
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if MACHINE_PATHS.search(line)
    ]
    assert named == [], "write paths from the root of the tree"
