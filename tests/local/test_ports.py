from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from local.ports import chosen_port, free_port, is_free
from local.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_taken_port_is_named_together_with_the_variable_that_changes_it(taken: int) -> None:
    with pytest.raises(Trouble, match=rf"Port {taken} is taken.*PORT=<number>"):
        chosen_port("PORT", str(taken), 8000)


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1", "80.5"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(Trouble, match="is not a port"):
        chosen_port("PORT", text, 8000)


def test_a_preferred_port_that_is_taken_gives_way_to_a_free_one(taken: int) -> None:
    found = free_port(taken)
    assert found != taken
    assert is_free(found)
