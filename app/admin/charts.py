"""Pictures of figures, drawn as SVG by the server. Pure. Colours and sizes are the style sheet's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH: Final = 600
HEIGHT: Final = 120
GAP: Final = 0.25
LEAST: Final = 2.0
"""A bar for something is never too small to be seen."""


def bars(values: Sequence[int], before: Sequence[int], label: str) -> Markup:
    """A bar for each value, and the period before as a line. `label` says in words what is to be seen."""
    top = max([*values, *before, 1])
    step = WIDTH / max(len(values), 1)
    drawn = Markup("").join(
        Markup('<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"></rect>').format(
            n * step + step * GAP / 2, HEIGHT - _height(value, top), step * (1 - GAP), _height(value, top)
        )
        for n, value in enumerate(values)
        if value > 0
    )
    points = " ".join(
        f"{n * step + step / 2:.1f},{HEIGHT - value * HEIGHT / top:.1f}" for n, value in enumerate(before)
    )
    line = Markup('<polyline class="before" points="{}"></polyline>').format(points) if any(before) else ""
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}{}</svg>'
    ).format(WIDTH, HEIGHT, label, drawn, line)


def share(value: int, most: int) -> Markup:
    """A lying bar: how much a value is of the greatest. Nothing to a screen reader, which has the number beside it."""
    width = 0.0 if most <= 0 else max(value * 100 / most, 1.0 if value else 0.0)
    return Markup(
        '<svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="bar" width="{:.1f}" height="8"></rect></svg>'
    ).format(width)


def _height(value: int, top: int) -> float:
    return max(value * HEIGHT / top, LEAST)
