"""The queues, what each is for, and how often its worker looks for work by itself."""

from __future__ import annotations

from app.doorbell import JOBS

NAMES = tuple(JOBS)
"""inbox (apply deliveries) · plan (advance journeys) · send (hand over) · slow (imports, reconciliation, clean-up)"""
