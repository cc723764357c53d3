"""The same house as the inbox's tests."""

from __future__ import annotations

from tests.inbox.conftest import house, intake

__all__ = ["house", "intake"]
