"""Tables as files for spreadsheet programs, in which no cell is a formula."""

from __future__ import annotations

import csv
import io
from itertools import chain
from typing import TYPE_CHECKING

from flask import Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the wide ones count as well


def safe(cell: object) -> object:
    """A cell that spreadsheets show and don't run: an apostrophe before text that would begin a formula."""
    if isinstance(cell, str) and cell.lstrip(" ").startswith(RISKY):
        return f"'{cell}"
    return "" if cell is None else cell


def download(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A file, sent while it is made. The mark at its start tells Excel that it is UTF-8."""
    response = Response(_lines(header, rows), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    held = io.StringIO()
    writer = csv.writer(held)
    yield "\ufeff"
    for number, row in enumerate(chain((header,), rows)):
        writer.writerow([safe(cell) for cell in row])
        if number % 500 == 0:
            yield _taken(held)
    yield _taken(held)


def _taken(held: io.StringIO) -> str:
    text = held.getvalue()
    held.seek(0)
    held.truncate()
    return text
