"""The source tree as the house tests see it: files, their imports and their syntax trees, each parsed once."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
OURS = ("app", "workers", "migrations", "simulator", "local", "bench", "tests", "config", "wsgi", "rsgi")


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, as far as its name can be told: a name imported from a package may be a module of it."""

    importer: str
    imported: str
    line: int
    for_types_only: bool
    """Under `if TYPE_CHECKING`: vocabulary for annotations, never executed."""

    def __str__(self) -> str:
        return f"{self.importer} (line {self.line}) imports {self.imported}"


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file."""

    path: Path
    module: str
    text: str
    syntax: ast.Module

    @property
    def place(self) -> str:
        """Where it is, from the root of the tree."""
        return self.path.relative_to(ROOT).as_posix()


@cache
def sources(*parts: str) -> tuple[Source, ...]:
    """The Python files of these packages (or single modules), sorted."""
    found = []
    for part in parts:
        place = ROOT / part
        paths = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
        found += [_source(path) for path in paths]
    return tuple(found)


@cache
def _source(path: Path) -> Source:
    text = path.read_text("utf-8")
    parts = path.relative_to(ROOT).with_suffix("").parts
    return Source(path, ".".join(parts[:-1] if parts[-1] == "__init__" else parts), text, ast.parse(text, str(path)))


@cache
def imports(*parts: str) -> tuple[Import, ...]:
    """All imports of these packages, those inside functions included."""
    return tuple(found for source in sources(*parts) for found in _imports(source))


def _imports(source: Source) -> Iterator[Import]:
    typing = {
        id(node)
        for block in ast.walk(source.syntax)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(source.syntax):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [_module(node.module, alias.name) for alias in node.names]
        else:
            continue
        for name in dict.fromkeys(names):
            yield Import(source.module, name, node.lineno, id(node) in typing)


def _module(package: str, name: str) -> str:
    """`from app import clock` imports app.clock; `from app import create_app` imports app."""
    place = ROOT.joinpath(*package.split("."), name)
    return f"{package}.{name}" if place.is_dir() or place.with_suffix(".py").exists() else package


def is_standard(module: str) -> bool:
    """Whether it comes with Python."""
    return module.partition(".")[0] in sys.stdlib_module_names


def is_ours(module: str) -> bool:
    """Whether it is part of this tree."""
    return module.partition(".")[0] in OURS


def within(module: str, *packages: str) -> bool:
    """Whether a module is one of these packages or inside one."""
    return any(module == package or module.startswith(package + ".") for package in packages)


@cache
def committed() -> tuple[Path, ...]:
    """Every text file that belongs to the tree (tracked, or new and not ignored)."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    pictures = {".png", ".ico", ".woff2", ".jpg"}
    paths = [ROOT / line for line in listed.stdout.splitlines()]
    return tuple(path for path in paths if path.is_file() and path.suffix not in pictures)
