"""Serving an aiohttp application until a signal asks to stop."""

from __future__ import annotations

import asyncio
import signal
import sys

from aiohttp import web


async def serve(app: web.Application, port: int, ready: str) -> None:
    """Serve on the loopback address, say `ready`, and stop cleanly on SIGTERM or Ctrl-C.

    Raises:
        SystemExit: with a sentence, when the port is taken.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True, backlog=512).start()
    except OSError as error:
        await runner.cleanup()
        message = f"port {port} can't be used ({error.strerror}); choose another with --port"
        raise SystemExit(message) from error
    sys.stdout.write(f"{ready}\n")
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()
