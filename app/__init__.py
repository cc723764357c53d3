"""Regulars: retention messages for online stores. `create_app` wires the house together and does nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import clock, doorbell, faults, registry, transaction
from app.extensions import db, load_models
from app.security import keyring, outbound
from app.security.redaction import configure_logging

if TYPE_CHECKING:
    from config import Settings

POOL_SIZE = 10
STATEMENT_TIMEOUT_MS = 30_000
VANISHED_AFTER_MS = 20_000


def create_app(settings: Settings, *, pages: bool = True) -> Flask:
    """The web application and its commands. Without `pages` what workers start: 10 MB less."""
    app = _application(pages=pages)
    app.config.update(
        SECRET_KEY=None,  # no cookie is ever signed with it: see security.tokens
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS={
            "pool_size": POOL_SIZE,
            "max_overflow": POOL_SIZE,
            "pool_timeout": 3,
            "pool_pre_ping": True,
            "hide_parameters": True,  # an error's own words must not carry people's data
            "connect_args": {
                "connect_timeout": 3,
                "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS}",
                # A host that vanished without a word is noticed in seconds, not after the kernel's quarter hour.
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": VANISHED_AFTER_MS,
            },
        },
        MAX_CONTENT_LENGTH=5 * 1024 * 1024,
    )
    app.extensions["settings"] = settings
    configure_logging(settings.log_level)
    faults.arm(settings.fault_point)
    keyring.use(keyring.Keyring(settings.secret_keys))
    outbound.allow(settings.outbound_allow)
    clock.use(clock.Clock(settings.clock_speed, settings.clock_epoch))
    load_models()
    db.init_app(app)
    with app.app_context():
        transaction.bind(db.engine)
    doorbell.bind(settings.redis_url)
    registry.load(settings)
    if pages:
        _add_pages(app, settings)
    return app


def _application(*, pages: bool) -> Flask:
    if not pages:
        return Flask(__name__, static_folder=None)
    from app import errors

    return errors.Application(__name__, static_folder=None)


def _add_pages(app: Flask, settings: Settings) -> None:
    """Everything that answers: imported only where somebody asks."""
    from app import admin, api, crowds, errors, storefront
    from app.cli import cli
    from app.inbox import views as inbox
    from app.security import plain_text

    plain_text.use(app)
    app.cli.add_command(cli)
    app.register_blueprint(inbox.bp)
    storefront.register(app)
    admin.register(app)
    api.register(app)
    crowds.register(app)
    errors.register(app)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
