"""Finding a TCP port on this machine."""

from __future__ import annotations

import socket

from local.trouble import Trouble

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        # As servers do, or a port left by a server a second ago would pass for taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(preferred: int = 0) -> int:
    """The preferred port when it is free, else one the system picks (another program may still take it first)."""
    if preferred and is_free(preferred):
        return preferred
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def chosen_port(name: str, value: str | None, default: int) -> int:
    """The port a person chose by the variable `name`, or the default.

    Raises:
        Trouble: not a port, or taken; the sentence names the variable that chooses another.
    """
    text = value or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= 65535:  # noqa: PLR2004  the ports there are
        raise Trouble(f"{name}={text} is not a port: choose a number from 1 to 65535.")
    if not is_free(int(text)):
        raise Trouble(f"Port {text} is taken by another program. Choose another: {name}=<number> before the command.")
    return int(text)
