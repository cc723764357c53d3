"""One installation for all chaos tests of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("chaos"))
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def cluster(installation: Cluster) -> Iterator[Cluster]:
    installation.clear()
    yield installation
    installation.reap()
