"""The journey editor: the flow, its panels, differences in words, versions, files."""

from __future__ import annotations
