"""Who may import whom. The floors are docs/adr/0012; a package imports only from floors below its own.

What counts: every import that runs, those inside functions included. What doesn't: imports under `if TYPE_CHECKING`.
They are vocabulary, words for annotations that no running program reaches, and they can't make a cycle or a hidden
dependency; still they may not name the simulator, the tests or the tools of this machine.
"""

from __future__ import annotations

from tests.house.tree import Import, imports, is_ours, is_standard, sources, within

FLOORS: dict[str, float] = {
    # 0: knows nothing of us
    "config": 0, "app.clock": 0, "app.garbage": 0, "app.extensions": 0, "app.security": 0, "app.conditions": 0,
    "app.faults": 0,
    # 1: the ground the features stand on
    "app.transaction": 1, "app.doorbell": 1, "app.platforms.events": 1, "app.upsert": 1, "app.decisions": 1.5,
    # 2
    "app.shops": 2, "app.content": 2, "app.channels": 2, "app.platforms.base": 2, "app.migrate": 2,
    # 3; getting into a store needs the shop's token and the registry, so it stands half a floor above both
    "app.platforms": 3, "app.registry": 3, "app.platforms.access": 3.5,
    # recorded wherever something happens, so it stands below all who tell
    "app.hooks": 3, "app.hooks.rules": 0, "app.hooks.recording": 1.2,
    # 4; a review's rules are asked by orders, so reviews stand below them
    "app.catalog": 4, "app.customers": 4, "app.reviews": 4, "app.team": 4, "app.keys": 4,
    "app.orders": 5,
    # what the gates ask about a shop as a whole
    "app.brakes": 5.4, "app.domains": 5.5, "app.texting": 5.5,
    "app.messages": 6,
    "app.journeys": 7, "app.reports": 7,
    # over all whose rows it erases
    "app.privacy": 7.5,
    "app.inbox": 8, "app.hooks.delivering": 8,
    "app.admin": 9, "app.storefront": 9, "app.api": 9.5, "app.cli": 9, "workers": 9,
    # what every answer has in common
    "app.crowds": 9.7, "app.errors": 9.7,
    # 10: create_app is app/__init__.py
    "app": 10, "wsgi": 10.5, "rsgi": 11,
}  # fmt: skip
"""The longest name that fits a module counts. A new folder joins at the floor its imports need: give it a line."""

EXCEPTIONS = {
    (
        "app.transaction",
        "app.doorbell",
    ): "same floor: rings are sent when the transaction is durable, and by nobody else",
    ("app.security.redaction", "app.clock"): "same floor: a log line carries its time, and only clock knows the time",
    ("app.security.http", "app.clock"): "same floor: a call ends before its deadline, and only clock knows the time",
    ("app.security.connections", "app.clock"): "same floor: an idle connection has an age",
    ("app.registry", "app.platforms"): "same floor: it looks into the (empty) package to find the folders in it",
    ("workers.run", "app"): "an entry point, as wsgi is: the program starts by building the app",
    ("workers.clock", "app"): "an entry point, as wsgi is: the program starts by building the app",
}
"""Every import that goes against the floors has its sentence here."""

PURE_WORDS = (
    "app.conditions", "app.platforms.events", "app.messages.quiet", "app.messages.places",
    "app.journeys.definition", "app.journeys.catalogue", "app.journeys.editing",
)  # fmt: skip
"""Value types and calculations without side effects: `rules.py` may use them, and they keep the same diet."""
PURE_LIBRARIES = ("pydantic", "phonenumbers", "holidays")
IMPURE_STANDARD = (
    "asyncio", "ctypes", "fcntl", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random", "requests",
    "secrets", "shutil", "signal", "smtplib", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time",
    "urllib.request", "uuid",
)  # fmt: skip
HTTP_PLACES = (
    "app",
    "app.extensions",
    "app.cli",
    "app.admin",
    "app.storefront",
    "app.security.plain_text",
    "app.crowds",
    "app.errors",
)


def floor(module: str) -> tuple[str, float] | None:
    """The package a module belongs to, by the longest name in the table, and its floor."""
    names = [name for name in FLOORS if within(module, name)]
    # `app` is create_app and nothing else: a module inside app that has no line of its own has no floor.
    best = max(names, key=len, default=None)
    if best is None or (best == "app" and module != "app"):
        return None
    return best, FLOORS[best]


def wrong(found: Import) -> bool:
    importer, imported = floor(found.importer), floor(found.imported)
    if importer is None or imported is None or importer[0] == imported[0]:
        return False
    return imported[1] >= importer[1] and (found.importer, found.imported) not in EXCEPTIONS


def running(*parts: str) -> list[Import]:
    return [found for found in imports(*parts) if not found.for_types_only]


def test_every_module_stands_on_a_floor() -> None:
    homeless = [s.place for s in sources("app", "workers", "config", "wsgi", "rsgi") if floor(s.module) is None]
    assert homeless == [], "give each package a line in FLOORS, at the floor its imports need"


def test_imports_only_lead_down() -> None:
    against = [str(found) for found in running("app", "workers", "config", "wsgi", "rsgi") if wrong(found)]
    assert against == [], (
        "an import leads up, or sideways to another package of the same floor. Move the shared part down, pass the "
        "thing in as an argument, or, when it must be so, add it to EXCEPTIONS with the reason"
    )


def test_no_exception_outlived_its_import() -> None:
    real = {(found.importer, found.imported) for found in running("app", "workers")}
    assert EXCEPTIONS.keys() - real == set(), "these imports are gone: take their exceptions out too"


def test_platforms_do_not_know_each_other_and_channels_neither() -> None:
    meddling = []
    for found in imports("app/platforms", "app/channels"):
        ours, theirs = found.importer.split("."), found.imported.split(".")
        folders = ours[:2] == theirs[:2] and len(ours) > 3 and len(theirs) > 3
        if folders and ours[2] != theirs[2]:
            meddling.append(str(found))
    assert meddling == [], (
        "a platform or channel folder stands alone, so that it can be taken away; share through base.py"
    )


def test_config_imports_nothing_of_ours() -> None:
    assert [str(found) for found in imports("config") if is_ours(found.imported)] == []


def test_the_simulator_and_the_app_do_not_know_each_other() -> None:
    simulator = [str(found) for found in imports("simulator") if within(found.imported, "app", "workers", "config")]
    assert simulator == [], "the simulator speaks to the app by HTTP only, or it would prove nothing"
    app = imports("app", "workers", "config", "wsgi", "rsgi", "migrations")
    inward = [str(found) for found in app if within(found.imported, "simulator", "local", "tests", "bench")]
    assert inward == [], "the app runs without the simulator, this machine's tools, the benchmarks and the tests"


def test_rules_are_pure() -> None:
    impure = []
    for found in imports("app", "workers"):
        name = found.importer.rpartition(".")[2]
        if found.for_types_only or not (name == "rules" or within(found.importer, *PURE_WORDS)):
            continue
        allowed = (
            found.imported.endswith(".rules")
            or within(found.imported, *PURE_WORDS, *PURE_LIBRARIES)
            or (is_standard(found.imported) and not within(found.imported, *IMPURE_STANDARD))
        )
        if not allowed:
            impure.append(str(found))
    assert impure == [], (
        "a rules.py imports the standard library's calm parts, value types and other rules.py. Read the clock, the "
        "database and the settings in service.py and pass them in"
    )


def test_flask_stays_at_the_edge() -> None:
    misplaced = [
        str(found)
        for found in imports("app", "workers")
        if within(found.imported, "flask", "flask_sqlalchemy", "werkzeug")
        and not (
            found.importer in HTTP_PLACES
            or within(found.importer, "app.admin", "app.storefront", "app.api")
            or found.importer.endswith(".views")
        )
    ]
    assert misplaced == [], (
        "HTTP is spoken in views.py, admin, storefront, api, create_app, extensions and the commands only"
    )


def test_the_queue_library_stays_with_its_two_users() -> None:
    misplaced = [
        str(found)
        for found in imports("app", "workers", "migrations")
        if within(found.imported, "rq") and not within(found.importer, "app.doorbell", "workers")
    ]
    assert misplaced == [], "ring with doorbell.ring(queue), or transaction.ring_after_commit: jobs carry no facts"


def test_vendor_libraries_stay_in_their_adapters() -> None:
    homes = {
        "sendgrid": "app.channels.email.sendgrid",
        "twilio": "app.channels.sms",
        "shopify_app": "app.platforms.shopify",
        "shopifyapp": "app.platforms.shopify",
    }
    misplaced = [
        str(found)
        for found in imports("app", "workers", "migrations")
        for library, home in homes.items()
        if within(found.imported, library) and not within(found.importer, home)
    ]
    assert misplaced == [], "what a vendor's library says is translated into values inside its own adapter"
