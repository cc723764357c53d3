"""From an uploaded file's bytes to rows: whatever encoding, mark and separator a spreadsheet program has chosen."""

from __future__ import annotations

import codecs
import csv
import io
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

SEPARATORS = ",;\t|"
LOOKED_AT = 64 * 1024
MOST_COLUMNS = 100
LONGEST_CELL = 1_000
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class UnreadableError(Exception):
    """This is no table of text: a spreadsheet's own format, a picture, a broken file. `args[0]` is a reason code."""


def rows(file: BinaryIO) -> Iterator[list[str]]:
    """The rows of a file, one at a time, blank ones as `[]`. Reads the file twice and holds a row of it.

    Raises:
        UnreadableError: not_text | no_columns | line_too_long
    """
    head = file.read(LOOKED_AT)
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UnreadableError("a_workbook")
    encoding = _encoding(file, head)
    if not encoding.startswith("utf-16") and b"\0" in head:
        raise UnreadableError("not_text")
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="", errors="strict")
    try:
        separator = _separator(text.read(LOOKED_AT // 4))
        text.seek(0)
        for row in csv.reader(text, delimiter=separator):
            cells = [cell.strip()[:LONGEST_CELL] for cell in islice(row, MOST_COLUMNS)]
            yield cells if any(cells) else []
    except (csv.Error, UnicodeError) as error:
        raise UnreadableError("not_text") from error
    finally:
        text.detach()


def _encoding(file: BinaryIO, head: bytes) -> str:
    """By its mark; else UTF-8 if all of it is that; else what Windows programs write."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    try:
        while piece := file.read(LOOKED_AT):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _separator(sample: str) -> str:
    """The one that stands most often in the first line; a line that names its own (`sep=;`) isn't a row."""
    first = sample.splitlines()[0] if sample else ""
    found = max(SEPARATORS, key=first.count)
    return found if first.count(found) else ","
