"""Compiled templates by what they say, so that a version is compiled once per process."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Compiled = TypeVar("Compiled")


def digest(*sources: str) -> bytes:
    """Answer a key for template texts: equal keys, equal texts."""
    made = blake2b(digest_size=16)
    for source in sources:
        raw = source.encode("utf-8", "surrogatepass")
        made.update(len(raw).to_bytes(8, "big"))
        made.update(raw)
    return made.digest()


class TemplateCache(Generic[Compiled]):
    """Keeps the `size` results of `build` used last. Faults are kept too: a broken template is not tried each time."""

    def __init__(self, build: Callable[[str], Compiled], size: int = 512) -> None:
        self._build = build
        self._size = size
        self._kept: OrderedDict[bytes, Compiled] = OrderedDict()
        self._lock = Lock()

    def get(self, source: str) -> Compiled:
        """Answer the compiled form of a template, compiling it when it is not kept."""
        key = digest(source)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        built = self._build(source)
        with self._lock:
            self._kept[key] = built
            self._kept.move_to_end(key)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return built

    def __len__(self) -> int:
        """Count what is kept."""
        return len(self._kept)
