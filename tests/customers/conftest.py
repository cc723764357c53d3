"""The same house as the inbox's tests."""

from __future__ import annotations

from tests.core.conftest import world
from tests.inbox.conftest import house, intake

__all__ = ["house", "intake", "world"]
