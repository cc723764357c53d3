"""The same world as the core stories."""

from __future__ import annotations

from tests.core.conftest import world

__all__ = ["world"]
