"""The compiled templates of a chunk's messages, read from the database once a process and language."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from sqlalchemy import text

from app.messages.compose import compiled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from app.content.email import CompiledEmail
    from app.content.faults import TemplateFault
    from app.content.sms import CompiledSms

Compiled: TypeAlias = "CompiledEmail | CompiledSms | TemplateFault"
Wanted: TypeAlias = tuple[int, str]
"""A template's id, and the language to say it in."""
Content: TypeAlias = tuple[str, bytes]
"""Channel and digest: a template's text never changes, so the same digest is the same template in any shop."""
KEPT = 512


class _Kept:
    compiled: ClassVar[OrderedDict[tuple[Content, str], Compiled]] = OrderedDict()
    lock = Lock()


def templates(session: Session, wanted: Mapping[Wanted, Content]) -> dict[Wanted, Compiled]:
    """The compiled templates. With every message its source would travel too: 10 kB, unpacked each time."""
    kept = {key: (content, key[1]) for key, content in wanted.items()}
    with _Kept.lock:
        found = {key: _Kept.compiled[kept[key]] for key in wanted if kept[key] in _Kept.compiled}
    missing = sorted(set(wanted) - set(found))
    if missing:
        rows = session.execute(
            text("SELECT id, source FROM template WHERE shop_id = :shop AND id = ANY(:ids)"),
            {"shop": session.info["shop_id"], "ids": [id_ for id_, _ in missing]},
        )
        sources = {row.id: row.source for row in rows}
        found |= {key: compiled(wanted[key][0], sources[key[0]], key[1]) for key in missing}
    with _Kept.lock:
        for key in wanted:
            _Kept.compiled[kept[key]] = found[key]
            _Kept.compiled.move_to_end(kept[key])
        while len(_Kept.compiled) > KEPT:
            _Kept.compiled.popitem(last=False)
    return found
