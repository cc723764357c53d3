"""What the app may see, as its shopify.app.toml declares."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def declared_scopes(toml: Path) -> list[str]:
    """The scopes in the file, the optional ones too, since this merchant grants them; empty without such a file."""
    if not toml.exists():
        return []
    declared = tomllib.loads(toml.read_text(encoding="utf-8")).get("access_scopes", {})
    required = [scope.strip() for scope in declared.get("scopes", "").split(",") if scope.strip()]
    return [*required, *declared.get("optional_scopes", [])]
