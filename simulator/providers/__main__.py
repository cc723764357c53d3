"""The providers alone: `python -m simulator.providers --port 5501 --ledger FILE --app-url URL`."""

from __future__ import annotations

import argparse
import asyncio
import os

from aiohttp import web

from simulator.providers.faults import Faults
from simulator.providers.service import BODY_LIMIT, build_providers
from simulator.serving import serve
from simulator.settings import Keys, add_common_arguments, clock_from

KEPT_ALONE = 50
"""Only a look at the latest: the ledger is the record."""


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser("simulator.providers", description=__doc__)
    add_common_arguments(parser)
    args = parser.parse_args()
    app = web.Application(client_max_size=BODY_LIMIT)
    providers = build_providers(
        Keys.from_env(os.environ),
        clock_from(args.speed, os.environ),
        args.app_url.rstrip("/"),
        args.data,
        args.ledger,
        Faults(),
        keep=KEPT_ALONE,
    )
    providers.port = args.port
    providers.add_routes(app)
    asyncio.run(serve(app, args.port, f"providers on http://127.0.0.1:{args.port}"))


if __name__ == "__main__":
    main()
