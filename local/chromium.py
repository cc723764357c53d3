"""A headless Chromium for the browser tests, without downloading a browser.

The machine's own when there is one, else the one that comes inside the npm package @sparticuz/chromium together
with the shared libraries and the fonts a bare machine lacks.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from local.node import node
from local.trouble import Trouble

CHECKOUT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = CHECKOUT / "node_modules" / "@sparticuz" / "chromium"
SYSTEM_NAMES: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

UNPACK: Final = """
const { createReadStream, createWriteStream } = require("node:fs");
const { createBrotliDecompress } = require("node:zlib");
const { pipeline } = require("node:stream/promises");
const [from, to] = process.argv.slice(1);
pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to))
    .catch((error) => { console.error(error.message); process.exit(1); });
"""

FONTS: Final = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>{folder}/fonts</dir>
  <cachedir>{folder}/font-cache</cachedir>
</fontconfig>
"""


def executable() -> Path:
    """The program to give Playwright as `executable_path`. The first call may unpack 220 MB, in about 3 s.

    CHROMIUM in the environment names another one.

    Raises:
        Trouble: there is none, and the npm package isn't installed.
    """
    named = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, SYSTEM_NAMES)), None)
    return Path(named) if named else bundled()


def bundled() -> Path:
    """The one from the npm package, whatever else the machine has."""
    manifest = PACKAGE / "package.json"
    if not manifest.exists():
        raise Trouble("There is no Chromium. Run `make setup`, or set CHROMIUM to the path of one.")
    stamp = f"{manifest.stat().st_size:x}-{(PACKAGE / 'bin' / 'chromium.br').stat().st_size:x}"
    folder = CHECKOUT / ".local" / "chromium" / stamp
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            building = Path(scratch) / "chromium"
            _unpack(building, home=folder)
            try:
                building.rename(folder)
            except OSError:
                # Another test process was quicker; its copy is as good.
                if not folder.exists():
                    raise
    return folder / "start"


def _unpack(building: Path, *, home: Path) -> None:
    """Unpack into `building`, with the paths inside pointing to `home`, where it will be moved."""
    building.mkdir()
    _decompress("chromium.br", building / "chromium")
    (building / "chromium").chmod(0o755)
    for name in ("al2023.tar", "fonts.tar", "swiftshader.tar"):
        _decompress(f"{name}.br", building / name)
        with tarfile.open(building / name) as archive:
            # Python before 3.11.4 has no filters; the archive is pinned by its hash in any case.
            archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            archive.extractall(building)  # noqa: S202  filtered by the line above
        (building / name).unlink()
    (building / "fonts.conf").write_text(FONTS.format(folder=home))
    script = building / "start"
    quoted = shlex.quote(str(home))
    script.write_text(
        "#!/bin/sh\n"
        "# A bare machine has neither NSS nor fonts: use those beside the program.\n"
        f"export LD_LIBRARY_PATH={quoted}/lib:{quoted} FONTCONFIG_FILE={quoted}/fonts.conf\n"
        f'exec {quoted}/chromium "$@"\n'
    )
    script.chmod(0o755)


def _decompress(name: str, target: Path) -> None:
    subprocess.run([node(), "--eval", UNPACK, PACKAGE / "bin" / name, target], check=True)
