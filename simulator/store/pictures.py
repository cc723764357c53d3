"""Product pictures, drawn on the spot: flat shapes with soft edges, written as PNG without any library."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from functools import lru_cache

SIZE = 640
Colour = tuple[int, int, int]
Span = tuple[float, float] | None
Outline = Callable[[float], Span]
"""For a height, from where to where a shape reaches; None where it is not."""


def colour(text: str) -> Colour:
    """`#ff8800` as three numbers."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Between two colours: 0 is the first, 1 the second."""
    return (
        round(one[0] + (other[0] - one[0]) * share),
        round(one[1] + (other[1] - one[1]) * share),
        round(one[2] + (other[2] - one[2]) * share),
    )


def box(left: float, top: float, right: float, bottom: float, radius: float = 0, lean: float = 0) -> Outline:
    """A rectangle with round corners; `lean` makes it narrower towards the bottom."""

    def reach(y: float) -> Span:
        if not top <= y <= bottom:
            return None
        corner = max(0.0, radius - min(y - top, bottom - y))
        inset = radius - math.sqrt(max(0.0, radius * radius - corner * corner)) if corner else 0.0
        taper = lean * (y - top) / (bottom - top)
        return left + inset + taper, right - inset - taper

    return reach


def oval(x: float, y: float, wide: float, high: float) -> Outline:
    """An ellipse by its centre and half axes."""

    def reach(at: float) -> Span:
        part = 1 - ((at - y) / high) ** 2
        return None if part <= 0 else (x - wide * math.sqrt(part), x + wide * math.sqrt(part))

    return reach


class Canvas:
    """Rows of pixels."""

    def __init__(self, top: Colour, bottom: Colour) -> None:
        self._rows = [bytearray(bytes(mix(top, bottom, y / SIZE)) * SIZE) for y in range(SIZE)]

    def fill(self, shape: Outline, paint: Colour, strength: float = 1.0) -> None:
        """Paint a shape; its left and right edges fade within a pixel."""
        for y in range(SIZE):
            span = shape(y + 0.5)
            if span is not None and span[1] > span[0]:
                self._stroke(self._rows[y], max(0.0, span[0]), min(float(SIZE), span[1]), paint, strength)

    def _stroke(self, row: bytearray, start: float, end: float, paint: Colour, strength: float) -> None:
        first, last = math.ceil(start), math.floor(end)
        if strength >= 1.0 and last > first:
            row[first * 3 : last * 3] = bytes(paint) * (last - first)
        else:
            for x in range(first, last):
                self._blend(row, x, paint, strength)
        if first > start:
            self._blend(row, first - 1, paint, (first - start) * strength)
        if last < end and last < SIZE:
            self._blend(row, last, paint, (end - last) * strength)

    @staticmethod
    def _blend(row: bytearray, x: int, paint: Colour, share: float) -> None:
        old = row[x * 3], row[x * 3 + 1], row[x * 3 + 2]
        row[x * 3 : x * 3 + 3] = bytes(mix(old, paint, share))

    def png(self) -> bytes:
        """The picture as a file."""
        raw = b"".join(b"\0" + bytes(row) for row in self._rows)
        head = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)
        return (
            b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(raw, 6)) + _chunk(b"IEND", b"")
        )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@lru_cache(maxsize=64)
def draw(shape: str, palette: tuple[str, str, str]) -> bytes:
    """A picture of a product: its own body, label and accent colours on a calm ground."""
    body, label, accent = (colour(each) for each in palette)
    canvas = Canvas(mix(label, (255, 255, 255), 0.35), mix(label, accent, 0.22))
    canvas.fill(oval(320, 560, 190, 20), mix(body, (40, 30, 20), 0.5), 0.16)
    _SHAPES[shape](canvas, body, label, accent)
    return canvas.png()


@lru_cache(maxsize=1)
def draw_logo() -> bytes:
    """The shop's mark: two stones and a leaf of sage, on white."""
    sage, stone = colour("#52694d"), colour("#b9b0a2")
    canvas = Canvas((255, 255, 255), (255, 255, 255))
    canvas.fill(oval(320, 500, 230, 92), stone)
    canvas.fill(oval(320, 372, 164, 74), mix(stone, (255, 255, 255), 0.35))
    canvas.fill(oval(320, 190, 62, 130), sage)
    canvas.fill(box(316, 110, 324, 330, 3), mix(sage, (255, 255, 255), 0.55))
    return canvas.png()


def _label(canvas: Canvas, area: tuple[float, float, float, float], label: Colour, accent: Colour, ink: Colour) -> None:
    """A paper label: a mark, a name, two lines of small print."""
    left, top, right, bottom = area
    middle, height = (left + right) / 2, bottom - top
    canvas.fill(box(left, top, right, bottom, 8), label)
    canvas.fill(oval(middle, top + height * 0.32, height * 0.16, height * 0.16), accent)
    canvas.fill(oval(middle + height * 0.05, top + height * 0.29, height * 0.09, height * 0.13), label, 0.55)
    for y, half in ((0.60, 0.32), (0.74, 0.22), (0.84, 0.26)):
        thick = 7 if half > 0.3 else 4
        reach = (right - left) * half
        canvas.fill(box(middle - reach, top + height * y, middle + reach, top + height * y + thick, 2), ink)


def _bag(canvas: Canvas, body: Colour, label: Colour, accent: Colour) -> None:
    canvas.fill(box(206, 118, 434, 560, 16), body)
    canvas.fill(box(206, 118, 240, 560, 12), mix(body, (0, 0, 0), 0.14))
    canvas.fill(box(198, 92, 442, 150, 8), mix(body, (0, 0, 0), 0.22))
    canvas.fill(box(198, 116, 442, 122), mix(body, (255, 255, 255), 0.25))
    canvas.fill(oval(320, 196, 11, 11), mix(body, (255, 255, 255), 0.4))
    _label(canvas, (238, 250, 408, 480), label, accent, mix(body, (0, 0, 0), 0.3))


def _sack(canvas: Canvas, body: Colour, label: Colour, accent: Colour) -> None:
    canvas.fill(box(164, 110, 476, 566, 26), body)
    canvas.fill(box(164, 110, 206, 566, 20), mix(body, (0, 0, 0), 0.12))
    canvas.fill(box(172, 84, 468, 128, 6), mix(label, body, 0.35))
    for x in range(190, 460, 22):
        canvas.fill(box(x, 102, x + 11, 107, 2), mix(body, (0, 0, 0), 0.2))
    _label(canvas, (212, 210, 438, 470), label, accent, mix(body, (0, 0, 0), 0.35))


def _tin(canvas: Canvas, body: Colour, label: Colour, accent: Colour) -> None:
    canvas.fill(oval(320, 548, 128, 26), mix(body, (0, 0, 0), 0.2))
    canvas.fill(box(192, 190, 448, 548), body)
    canvas.fill(box(192, 190, 226, 548), mix(body, (0, 0, 0), 0.16))
    canvas.fill(box(404, 190, 448, 548), mix(body, (255, 255, 255), 0.1))
    canvas.fill(box(184, 138, 456, 206, 10), mix(body, (255, 255, 255), 0.28))
    canvas.fill(oval(320, 140, 136, 22), mix(body, (255, 255, 255), 0.42))
    _label(canvas, (228, 260, 412, 490), label, accent, mix(body, (0, 0, 0), 0.25))


def _bottle(canvas: Canvas, body: Colour, label: Colour, accent: Colour) -> None:
    for x, shade in ((212, 0.14), (428, 0.08), (320, 0.0)):
        paint = mix(body, (255, 255, 255), shade)
        canvas.fill(box(x - 34, 150, x + 34, 260, 14), paint)
        canvas.fill(box(x - 72, 230, x + 72, 562, 34), paint)
        canvas.fill(box(x - 40, 118, x + 40, 160, 8), accent)
    _label(canvas, (256, 320, 384, 500), label, accent, body)


def _pump(canvas: Canvas, body: Colour, label: Colour, accent: Colour) -> None:
    dark = mix(accent, (0, 0, 0), 0.25)
    canvas.fill(box(308, 96, 332, 200), dark)
    canvas.fill(box(244, 84, 340, 112, 10), dark)
    canvas.fill(box(272, 176, 368, 226, 10), accent)
    canvas.fill(box(220, 214, 420, 564, 40), body)
    canvas.fill(box(220, 240, 250, 540, 20), mix(body, (0, 0, 0), 0.08))
    _label(canvas, (246, 300, 394, 500), label, accent, mix(body, (0, 0, 0), 0.5))


def _dropper(canvas: Canvas, body: Colour, label: Colour, accent: Colour) -> None:
    canvas.fill(box(292, 82, 348, 190, 24), mix(accent, (0, 0, 0), 0.15))
    canvas.fill(box(272, 176, 368, 236, 8), mix(label, (0, 0, 0), 0.2))
    canvas.fill(box(226, 226, 414, 564, 34), body)
    canvas.fill(box(240, 250, 262, 540, 10), mix(body, (255, 255, 255), 0.3), 0.7)
    _label(canvas, (252, 320, 388, 510), label, accent, body)


def _jar(canvas: Canvas, body: Colour, label: Colour, accent: Colour) -> None:
    canvas.fill(box(170, 300, 470, 556, 44), mix(label, (255, 255, 255), 0.4))
    canvas.fill(box(170, 300, 216, 556, 30), mix(body, label, 0.6), 0.5)
    canvas.fill(box(158, 206, 482, 316, 18), body)
    canvas.fill(box(158, 206, 482, 226, 10), mix(body, (255, 255, 255), 0.3))
    _label(canvas, (226, 350, 414, 520), mix(label, accent, 0.12), accent, mix(body, (0, 0, 0), 0.5))


def _candle(canvas: Canvas, body: Colour, label: Colour, accent: Colour) -> None:
    for reach in (150, 110, 70):
        canvas.fill(oval(320, 168, reach, reach), mix(accent, (255, 240, 200), 0.6), 0.13)
    canvas.fill(box(190, 260, 450, 562, 26), mix(label, (255, 255, 255), 0.3))
    canvas.fill(box(204, 300, 436, 552, 20), body)
    canvas.fill(oval(320, 302, 116, 16), mix(body, (255, 255, 255), 0.3))
    canvas.fill(box(317, 216, 323, 300), (70, 60, 50))
    canvas.fill(oval(320, 182, 20, 44), accent)
    canvas.fill(oval(320, 194, 10, 26), (255, 244, 214))
    _label(canvas, (246, 356, 394, 520), label, accent, mix(body, (0, 0, 0), 0.2))


def _tray(canvas: Canvas, body: Colour, label: Colour, accent: Colour) -> None:
    for step in range(3):
        y = 210 + step * 112
        canvas.fill(box(150, y, 490, y + 96, 20, lean=22), mix(body, (255, 255, 255), 0.1 * (2 - step)))
        canvas.fill(box(138, y - 10, 502, y + 16, 12), mix(label, accent, 0.15))
    _label(canvas, (224, 300, 416, 500), label, accent, mix(body, (0, 0, 0), 0.45))


def _mug(canvas: Canvas, body: Colour, label: Colour, accent: Colour) -> None:
    canvas.fill(oval(446, 376, 92, 100), body)
    canvas.fill(oval(444, 376, 54, 62), mix(label, accent, 0.16))
    canvas.fill(box(178, 230, 438, 556, 34, lean=10), body)
    canvas.fill(box(178, 430, 438, 556, 34, lean=4), mix(label, body, 0.3))
    canvas.fill(oval(308, 234, 130, 26), mix(body, (0, 0, 0), 0.25))
    canvas.fill(oval(308, 240, 112, 17), mix((70, 40, 20), body, 0.2))


def _dripper(canvas: Canvas, body: Colour, label: Colour, accent: Colour) -> None:
    canvas.fill(box(206, 470, 434, 562, 16, lean=-14), mix(accent, label, 0.4))
    canvas.fill(box(170, 440, 470, 474, 14), mix(body, (0, 0, 0), 0.15))
    canvas.fill(box(150, 214, 490, 446, 14, lean=112), body)
    canvas.fill(box(190, 160, 450, 240, 4, lean=26), mix(label, (255, 255, 255), 0.5))
    canvas.fill(oval(320, 214, 170, 20), mix(body, (255, 255, 255), 0.2), 0.85)


def _bowl(canvas: Canvas, body: Colour, label: Colour, accent: Colour) -> None:
    canvas.fill(box(128, 350, 512, 560, 30, lean=-16), body)
    canvas.fill(oval(320, 352, 192, 48), mix(body, (255, 255, 255), 0.3))
    canvas.fill(oval(320, 360, 160, 34), mix(body, (0, 0, 0), 0.3))
    canvas.fill(oval(320, 478, 34, 28), label)
    for x, y in ((274, 444), (302, 424), (338, 424), (366, 444)):
        canvas.fill(oval(x, y, 13, 17), label)
    canvas.fill(box(128, 538, 512, 560, 10, lean=-2), accent)


def _card(canvas: Canvas, body: Colour, label: Colour, accent: Colour) -> None:
    canvas.fill(box(110, 190, 530, 460, 22), body)
    canvas.fill(box(396, 190, 428, 460), accent)
    canvas.fill(oval(376, 214, 40, 24), accent)
    canvas.fill(oval(448, 214, 40, 24), accent)
    canvas.fill(oval(412, 216, 16, 16), mix(accent, (0, 0, 0), 0.2))
    for y, width in ((300, 200), (336, 150), (400, 90)):
        canvas.fill(box(148, y, 148 + width, y + 10, 4), label)


_SHAPES: dict[str, Callable[[Canvas, Colour, Colour, Colour], None]] = {
    "bag": _bag,
    "sack": _sack,
    "tin": _tin,
    "bottle": _bottle,
    "pump": _pump,
    "dropper": _dropper,
    "jar": _jar,
    "candle": _candle,
    "tray": _tray,
    "mug": _mug,
    "dripper": _dripper,
    "bowl": _bowl,
    "card": _card,
}
