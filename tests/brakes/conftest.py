from __future__ import annotations

from tests.core.conftest import world  # noqa: F401 a fixture
from tests.messages.conftest import nothing_heard_yet  # noqa: F401 a fixture
