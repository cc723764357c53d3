"""Is it alive, is it ready, how is it doing: for hosts and their monitors."""

from __future__ import annotations

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, TimeoutError as PoolTimeoutError

from app import migrate, transaction

bp = Blueprint("health", __name__)

LEADER_LOCK = 7_261_602


@bp.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return Response("ok", mimetype="text/plain")


@bp.get("/readyz")
def readyz() -> Response:
    """The database answers and has every migration; tells also whether a clock leads."""
    try:
        current = migrate.is_current()
        with transaction.engine().connect() as connection:
            led = connection.scalar(
                text(
                    # objsubid 1: a lock on one number; those on two numbers name a shop.
                    "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = :lock "
                    "AND objsubid = 1 AND granted)"
                ),
                {"lock": LEADER_LOCK},
            )
    except (DBAPIError, PoolTimeoutError):
        return Response("the database does not answer\n", 503, mimetype="text/plain")
    if not current:
        return Response("migrations are missing: run `flask --app wsgi regulars upgrade`\n", 503, mimetype="text/plain")
    return Response("ready\n" if led else "ready, but no clock is running\n", mimetype="text/plain")


@bp.get("/metrics")
def metrics() -> Response:
    """Prometheus."""
    return Response(generate_latest(), mimetype=CONTENT_TYPE_LATEST)
