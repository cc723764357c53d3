"""Bulk exports: the store writes everything of a kind into a file, which `exports.read_export` reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.platforms.base import ExportFailed, ExportReady, ExportRunning, ExportStarted
from app.platforms.shopify.graphql import GraphQLFault, gid, stamp, user_error
from app.platforms.shopify.normalise.reading import identifier
from app.platforms.shopify.operations import bulk_query, operation

if TYPE_CHECKING:
    from datetime import datetime

    from app.platforms.base import ShopAccess
    from app.platforms.shopify.graphql import GraphQLClient

BUSY = "busy"
SPAN_FIELDS = {"customers": "updated_at", "products": "updated_at", "orders": "created_at"}
"""By which time a span is cut: a customer of years ago who came back last week is wanted among the recent ones."""

_BUSY_CODES = ("LIMIT_REACHED", "OPERATION_IN_PROGRESS")
_UNDER_WAY = frozenset({"CREATED", "RUNNING", "CANCELING"})


def span_filter(kind: str, since: datetime | None, until: datetime | None) -> str:
    """The search for a span of time: `since` belongs to it, `until` doesn't."""
    field = SPAN_FIELDS[kind]
    begin = [f"{field}:>='{stamp(since)}'"] if since else []
    end = [f"{field}:<'{stamp(until)}'"] if until else []
    return " AND ".join(begin + end)


def start(
    client: GraphQLClient, access: ShopAccess, kind: str, since: datetime | None, until: datetime | None
) -> ExportStarted | ExportFailed:
    """Begin an export. The code `busy` means that others of ours must end first; `forbidden` that a scope is missing.

    The answer may get lost after the store began: the next try then says `busy` until that export has ended.
    """
    search = span_filter(kind, since, until)
    data = client.execute(access, operation("bulk_start"), {"query": bulk_query(kind, search)})
    fault = data if isinstance(data, GraphQLFault) else user_error(data, "bulkOperationRunQuery")
    if fault is not None:
        busy = any(code in fault.message for code in _BUSY_CODES)
        return ExportFailed(BUSY if busy else fault.code)
    begun = data["bulkOperationRunQuery"].get("bulkOperation") if isinstance(data, dict) else None
    export_id = identifier(begun.get("id")) if isinstance(begun, dict) else None
    return ExportStarted(export_id) if export_id else ExportFailed("unreadable")


def status(client: GraphQLClient, access: ShopAccess, export_id: str) -> ExportRunning | ExportReady | ExportFailed:
    """How far an export is."""
    data = client.execute(access, operation("bulk_status"), {"id": gid("BulkOperation", export_id)})
    if isinstance(data, GraphQLFault):
        return ExportFailed(data.code)
    found = data.get("bulkOperation")
    return _status(found) if isinstance(found, dict) else ExportFailed("unknown_export", lost=True)


def _status(found: dict[str, Any]) -> ExportRunning | ExportReady | ExportFailed:
    state, url = found.get("status"), found.get("url")
    objects, roots = _number(found.get("objectCount")), _number(found.get("rootObjectCount"))
    if state == "COMPLETED":
        return ExportReady(url if isinstance(url, str) and url else None, objects, roots)
    if state in _UNDER_WAY:
        return ExportRunning(objects)
    return ExportFailed(str(found.get("errorCode") or state or "unknown").lower(), lost=True)


def _number(value: object) -> int:
    """A count, which the API sends as text because it may be large."""
    return int(value) if isinstance(value, int | str) and str(value).isdigit() else 0
