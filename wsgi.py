"""The web application, for any WSGI server: `granian --interface wsgi wsgi:app`."""

from __future__ import annotations

from app import create_app
from config import Settings

app = create_app(Settings.from_env())
