"""The operations we ask of a store, one file each; a test checks every one against the real schema."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent
FILTER = "FILTER"
"""What stands in for the search filter inside a bulk query, which can't have variables."""


@cache
def operation(name: str) -> str:
    """The text of an operation, without its comments."""
    lines = (_FOLDER / f"{name}.graphql").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("#"))


def bulk_query(kind: str, search: str) -> str:
    """A bulk export's inner query with its filter put in, which stands inside a quoted text there."""
    return operation(f"bulk_{kind}").replace(FILTER, search.replace("\\", "\\\\").replace('"', '\\"'))


def all_names(folder: str = "") -> tuple[str, ...]:
    """Every operation there is of the Admin API, or of the API that has a folder of its own."""
    found = (_FOLDER / folder).glob("*.graphql")
    return tuple(sorted(path.relative_to(_FOLDER).with_suffix("").as_posix() for path in found))
