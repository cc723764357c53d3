"""What the app may see, as its shopify.app.toml declares."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def declared_scopes(toml: Path) -> list[str]:
    """The scopes in the file; empty when there is no such file or it names none."""
    if not toml.exists():
        return []
    declared = tomllib.loads(toml.read_text(encoding="utf-8")).get("access_scopes", {}).get("scopes", "")
    return [scope.strip() for scope in declared.split(",") if scope.strip()]
