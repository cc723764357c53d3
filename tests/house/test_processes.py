"""What runs in production is whole: every queue has a process and a job, every starter is complete, words agree."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from app import doorbell
from app.content.email import CompiledEmail, compile_email
from app.content.sms import CompiledSms, compile_sms
from app.journeys.definition import Definition, parse
from app.journeys.service import LIBRARY, SUFFIXES, library
from tests.conftest import environment
from tests.house.tree import ROOT, sources
from workers import clock as ticking
from workers.queues import NAMES

if TYPE_CHECKING:
    from pathlib import Path

STARTERS = sorted(path.parent for path in LIBRARY.glob("*/definition.yaml"))
README = ROOT / "README.md"


def procfile() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text("utf-8").splitlines()
    return {name: command.strip() for name, _, command in (line.partition(":") for line in lines if line.strip())}


def test_every_queue_has_a_process_a_job_and_somebody_who_looks_for_its_work() -> None:
    assert set(NAMES) == set(doorbell.JOBS)
    for queue, job in doorbell.JOBS.items():
        assert procfile().get(f"worker-{queue}") == f"python -m workers.run {queue}", (
            f"no process for {queue} in Procfile"
        )
        module, _, function = job.rpartition(".")
        assert callable(getattr(importlib.import_module(module), function, None)), f"{job} doesn't exist"
        assert queue in ticking.DUE, f"the clock never looks whether {queue} has work: a lost ring would lose time"


def test_every_process_is_known() -> None:
    assert set(procfile()) == {"release", "web", "clock", *(f"worker-{queue}" for queue in NAMES)}
    assert re.search(r" (rsgi|wsgi):app$", procfile()["web"])
    assert procfile()["release"].endswith("regulars upgrade")


def test_a_sending_worker_carries_nothing_that_only_others_need() -> None:
    program = """
import sys
from app import registry
from app.extensions import load_models
from config import Settings
import workers.run, app.messages.handover
load_models()
registry.load(Settings.from_env())
print(*sys.modules)
"""
    needed = environment("postgresql://nobody@127.0.0.1:9/none", "redis://127.0.0.1:9/0")
    answer = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), **needed},
        capture_output=True,
        text=True,
    )
    loaded = set(answer.stdout.split())
    assert "app.messages.handover" in loaded, answer.stderr
    others = {"app.admin", "app.api", "app.storefront", "app.cli", "app.inbox.service", "dns", "holidays", "requests"}
    assert loaded & others == set(), "each is megabytes of every worker: import it where it is used"


def test_every_ring_names_a_queue() -> None:
    rung = {
        argument.value
        for source in sources("app", "workers")
        for node in ast.walk(source.syntax)
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Attribute) and node.func.attr in ("ring", "ring_after_commit"))
            or (isinstance(node.func, ast.Name) and node.func.id == "ring_after_commit")
        )
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }
    assert rung, "nothing rings any more: has the function another name?"
    assert rung <= set(NAMES), "a bell without a worker"


@pytest.mark.parametrize("folder", STARTERS, ids=lambda folder: folder.name)
def test_every_starter_is_complete(folder: Path) -> None:
    definition = parse(yaml.safe_load((folder / "definition.yaml").read_text("utf-8")))
    assert isinstance(definition, Definition), definition
    assert definition.key == folder.name, "the folder's name is the journey's key"
    wanted = {f"{name}{SUFFIXES[channel]}" for name, channel in definition.templates.items()}
    there = {path.name for path in folder.iterdir() if path.is_file()} - {"definition.yaml"}
    assert there == wanted, "each template is used by a step, and each step's template is there"
    for name, channel in definition.templates.items():
        source = (folder / f"{name}{SUFFIXES[channel]}").read_text("utf-8")
        made = compile_email(source) if channel == "email" else compile_sms(source)
        assert isinstance(made, CompiledEmail | CompiledSms), f"{name}: {made}"


def test_the_starters_that_were_promised_are_there() -> None:
    assert set(library()) >= {
        "abandoned_checkout", "abandoned_cart", "post_purchase", "replenishment", "review_request",
    }  # fmt: skip


# The README's table of settings


def documented() -> dict[str, str]:
    section = README.read_text("utf-8").partition("## Configuration")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([A-Z][A-Z0-9_]*)` \|(.*)\|$", section, re.MULTILINE)
    return {name: rest.strip() for name, rest in rows}


def test_the_table_of_settings_is_complete_and_true() -> None:
    source = sources("config")[0]
    read = {
        node.value
        for node in ast.walk(source.syntax)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+", node.value)
    }
    shell = set(re.findall(r"\$\{([A-Z_]+):-", (ROOT / "Procfile").read_text("utf-8")))
    assert {"DATABASE_URL", "SECRET_KEY"} <= read
    assert {"PORT", "HOST"} <= shell
    assert set(documented()) == read | shell, (
        "README.md, section Configuration: one row for each variable, no row without"
    )


def test_the_table_of_settings_tells_the_real_defaults() -> None:
    command = (ROOT / "Procfile").read_text("utf-8")
    for name, default in re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", command):
        assert f"`{default}`" in documented()[name], name
    text = sources("config")[0].text
    for name, default in re.findall(r'env\.get\(\s*"([A-Z_]+)",\s*"([^"]+)"', text):
        assert f"`{default}`" in documented()[name], name


def test_every_word_after_make_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    used = set(
        re.findall(
            r"\bmake ([a-z-]+)", "\n".join(re.findall(r"`[^`]+`|```.*?```", README.read_text("utf-8"), re.DOTALL))
        )
    )
    assert used, "the README shows no command"
    assert used <= targets


def test_every_path_in_the_documents_exists() -> None:
    missing = []
    for document in (README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = document.read_text("utf-8")
        links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text)
        paths = re.findall(r"`((?:app|workers|simulator|migrations|tests|bench|local|docs)/[\w./-]*[\w/])`", text)
        targets = [document.parent / link for link in links] + [ROOT / path for path in paths]
        missing += [f"{document.name}: {target.relative_to(ROOT)}" for target in targets if not target.exists()]
    assert missing == [], "a document speaks of files that aren't there"
