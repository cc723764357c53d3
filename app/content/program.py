"""A translated template: what is run for every message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.content import runtime
from app.content.faults import Stop
from app.content.filters import Words

Wrap = Callable[[str], str]
Get = Callable[[str], object]
Fixed = tuple[str, ...]
Body = Callable[[Get, runtime.Meter, Words, Wrap | None, Fixed], str]

FILE: Final = "<liquid>"
"""What the generated code says it comes from."""


@dataclass(frozen=True, slots=True)
class Program:
    """One template, ready to run. `variables` are the dotted names it reads, `item[].title` for those in a loop."""

    body: Body
    stretches: Callable[[Get, runtime.Meter], Fixed]
    offsets: tuple[int, ...]
    variables: frozenset[str]

    def fixed(self, get: Get, meter: runtime.Meter) -> Fixed:
        """Put together what stands between the values that differ from person to person; `get` knows `FIXED_NAMES`.

        Raises `Stop` as `run` does.
        """
        try:
            return self.stretches(get, meter)
        except Stop as stop:
            raise self._placed(stop) from None

    def run(self, get: Get, meter: runtime.Meter, words: Words, wrap: Wrap | None, fixed: Fixed | None = None) -> str:
        """Render for one person. Raises `Stop` with the offset of the line at fault.

        `fixed` is the answer of that method for this shop, where it is known already.
        """
        try:
            return self.body(get, meter, words, wrap, self.stretches(get, meter) if fixed is None else fixed)
        except Stop as stop:
            raise self._placed(stop) from None

    def _placed(self, stop: Stop) -> Stop:
        return Stop(stop.message, stop.offset if stop.offset is not None else self._place(stop))

    def _place(self, stop: Stop) -> int | None:
        found, trace = None, stop.__traceback__
        while trace:
            if trace.tb_frame.f_code.co_filename == FILE:
                found = self.offsets[trace.tb_lineno - 1]
            trace = trace.tb_next
        return found
