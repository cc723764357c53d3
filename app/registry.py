"""Finds the platforms and channels there are, and checks each against its contract. A new one is a new folder."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, ClassVar

from app import channels, platforms
from app.channels.base import Provider
from app.platforms.base import Platform

if TYPE_CHECKING:
    from config import Settings


class _Found:
    platforms: ClassVar[dict[str, Platform]] = {}
    providers: ClassVar[dict[str, Provider]] = {}


def load(settings: Settings) -> None:
    """Build every platform and provider (called once at start).

    A platform folder has `platform.py` with `build(settings) -> Platform`; a channel folder has `providers.py` with
    `build(settings) -> list[Provider]`, the preferred one first.

    Raises:
        TypeError: a folder's object doesn't do all that its contract asks.
    """
    _Found.platforms, _Found.providers = {}, {}
    for folder in _folders(platforms):
        made = importlib.import_module(f"{folder}.platform").build(settings)
        if not isinstance(made, Platform):
            raise TypeError(f"{folder} is not a Platform")
        _Found.platforms[made.key] = made
    for folder in _folders(channels):
        for provider in importlib.import_module(f"{folder}.providers").build(settings):
            if not isinstance(provider, Provider):
                raise TypeError(f"{provider!r} of {folder} is not a Provider")
            _Found.providers[provider.key] = provider


def _folders(package: object) -> list[str]:
    name, path = package.__name__, package.__path__  # type: ignore[attr-defined]
    return sorted(f"{name}.{m.name}" for m in pkgutil.iter_modules(path) if m.ispkg)


def platform(key: str) -> Platform:
    """The platform of a shop."""
    return _Found.platforms[key]


def provider(key: str) -> Provider:
    """A provider by its name."""
    return _Found.providers[key]


def default_provider(channel: str) -> Provider | None:
    """The host's provider for a channel; None when none is configured."""
    return next((p for p in _Found.providers.values() if p.channel == channel), None)


def providers() -> list[Provider]:
    """All that are configured."""
    return list(_Found.providers.values())
