"""The compiled templates of a chunk's messages, read from the database once a process."""

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
Content: TypeAlias = tuple[str, bytes]
"""Channel and digest: a template's text never changes, so the same digest is the same template in any shop."""
KEPT = 512


class _Kept:
    compiled: ClassVar[OrderedDict[Content, Compiled]] = OrderedDict()
    lock = Lock()


def templates(session: Session, wanted: Mapping[int, Content]) -> dict[int, Compiled]:
    """The compiled template of each id. With every message its source would travel too: 10 kB, unpacked each time."""
    with _Kept.lock:
        found = {id_: _Kept.compiled[content] for id_, content in wanted.items() if content in _Kept.compiled}
    missing = sorted(set(wanted) - set(found))
    if missing:
        rows = session.execute(
            text("SELECT id, source FROM template WHERE shop_id = :shop AND id = ANY(:ids)"),
            {"shop": session.info["shop_id"], "ids": missing},
        )
        found |= {row.id: compiled(wanted[row.id][0], row.source) for row in rows}
    with _Kept.lock:
        for id_, content in wanted.items():
            _Kept.compiled[content] = found[id_]
            _Kept.compiled.move_to_end(content)
        while len(_Kept.compiled) > KEPT:
            _Kept.compiled.popitem(last=False)
    return found
