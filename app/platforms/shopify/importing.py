"""The first import: a store's customers, products and orders by bulk exports, newest first, resumable after a kill.

The caller keeps the state: which part is under way, its export, and how many things of it are recorded. With these
three numbers a new process goes on where a killed one stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app.platforms.shopify.graphql import GraphQLFault, gid, user_error
from app.platforms.shopify.normalise.reading import identifier
from app.platforms.shopify.operations import bulk_query, operation

if TYPE_CHECKING:
    from datetime import datetime

    from app.platforms.base import ShopAccess
    from app.platforms.shopify.graphql import GraphQLClient


RECENT = timedelta(days=90)
BUSY = "busy"
_BUSY_CODES = frozenset({"LIMIT_REACHED", "OPERATION_IN_PROGRESS"})
_UNDER_WAY = frozenset({"CREATED", "RUNNING", "CANCELING"})


@dataclass(frozen=True, slots=True)
class ImportPart:
    """One export of the import: `key` names it in the caller's records, `kind` what it brings."""

    key: str
    kind: str
    search: str


def parts(at: datetime) -> tuple[ImportPart, ...]:
    """The exports of an import begun at `at`, in order: what journeys need soon comes first."""
    edge = (at - RECENT).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        ImportPart("products", "products", ""),
        ImportPart("customers:recent", "customers", f"updated_at:>='{edge}'"),
        ImportPart("orders:recent", "orders", f"created_at:>='{edge}'"),
        ImportPart("customers:older", "customers", f"updated_at:<'{edge}'"),
        ImportPart("orders:older", "orders", f"created_at:<'{edge}'"),
    )


@dataclass(frozen=True, slots=True)
class ExportStarted:
    """The store is at work; `export_id` is the one `bulk_operations/finish` will name."""

    export_id: str


@dataclass(frozen=True, slots=True)
class ExportRunning:
    """Not done yet; this many objects so far, children counted too."""

    objects: int


@dataclass(frozen=True, slots=True)
class ExportReady:
    """Done. `url` can be read for seven days; None means that there was nothing to export."""

    url: str | None
    objects: int
    roots: int


@dataclass(frozen=True, slots=True)
class ExportFailed:
    """It will never be ready: start the part again (`ACCESS_DENIED` needs a scope first)."""

    code: str


class Exports:
    """Starts and watches exports."""

    def __init__(self, client: GraphQLClient) -> None:
        self._client = client

    def start(self, access: ShopAccess, part: ImportPart) -> ExportStarted | GraphQLFault:
        """Begin a part's export. The fault `busy` means that others of ours must end first."""
        data = self._client.execute(access, operation("bulk_start"), {"query": bulk_query(part.kind, part.search)})
        if isinstance(data, GraphQLFault):
            return data
        refused = user_error(data, "bulkOperationRunQuery")
        if refused is not None:
            busy = any(code in refused.message for code in _BUSY_CODES)
            return GraphQLFault(BUSY, refused.message, 30.0) if busy else refused
        begun = data["bulkOperationRunQuery"].get("bulkOperation")
        export_id = identifier(begun.get("id")) if isinstance(begun, dict) else None
        return ExportStarted(export_id) if export_id else GraphQLFault("unreadable", "no bulk operation")

    def status(self, access: ShopAccess, export_id: str) -> ExportRunning | ExportReady | ExportFailed | GraphQLFault:
        """How far an export is."""
        data = self._client.execute(access, operation("bulk_status"), {"id": gid("BulkOperation", export_id)})
        if isinstance(data, GraphQLFault):
            return data
        found = data.get("bulkOperation")
        if not isinstance(found, dict):
            return ExportFailed("unknown_export")
        return _status(found)


def _status(found: dict[str, Any]) -> ExportRunning | ExportReady | ExportFailed:
    status, url = found.get("status"), found.get("url")
    objects, roots = _number(found.get("objectCount")), _number(found.get("rootObjectCount"))
    if status == "COMPLETED":
        return ExportReady(url if isinstance(url, str) and url else None, objects, roots)
    if status in _UNDER_WAY:
        return ExportRunning(objects)
    return ExportFailed(str(found.get("errorCode") or status or "unknown"))


def _number(value: object) -> int:
    """A count, which the API sends as text because it may be large."""
    return int(value) if isinstance(value, int | str) and str(value).isdigit() else 0
