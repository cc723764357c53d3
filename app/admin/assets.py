"""Our style, our script and htmx, each under an address that holds its content's hash: cached for ever, never stale."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
MODULES: Final = HERE.parent.parent / "node_modules"
_STYLE, _SCRIPT = "text/css; charset=utf-8", "text/javascript; charset=utf-8"
FILES: Final[dict[str, tuple[Path, str]]] = {
    "admin.css": (HERE / "static" / "admin.css", _STYLE),
    "admin.js": (HERE / "static" / "admin.js", _SCRIPT),
    "htmx.js": (MODULES / "htmx.org" / "dist" / "htmx.min.js", _SCRIPT),
    # The editor of blocks, on its own page only.
    "designer.css": (HERE / "static" / "designer.css", _STYLE),
    "designer.js": (HERE / "static" / "designer.js", _SCRIPT),
    "grapes.css": (MODULES / "grapesjs" / "dist" / "css" / "grapes.min.css", _STYLE),
    "grapes.js": (MODULES / "grapesjs" / "dist" / "grapes.min.js", _SCRIPT),
    "grapes-mjml.js": (MODULES / "grapesjs-mjml" / "dist" / "index.js", _SCRIPT),
}


class AssetMissingError(RuntimeError):
    """A front-end package isn't installed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served."""

    name: str
    digest: str
    content: bytes = field(repr=False)
    packed: bytes = field(repr=False)
    """The same by gzip: a quarter of the bytes, packed once a process."""
    content_type: str

    @property
    def url(self) -> str:
        """Where browsers find exactly this content."""
        return f"/admin/assets/{self.digest}/{self.name}"


@cache
def asset(name: str) -> Asset:
    """A file by its name, read once a process.

    Raises:
        KeyError: there is no such asset.
        AssetMissingError: its package isn't installed.
    """
    path, content_type = FILES[name]
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise AssetMissingError(f"{path.name} is missing: run `make setup`, which installs it by npm.") from error
    return Asset(name, hashlib.sha256(content).hexdigest()[:16], content, gzip.compress(content, mtime=0), content_type)
