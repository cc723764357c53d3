"""A name server for the domains that the simulated SendGrid authenticates: UDP, on this machine only."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS_TO_LIVE = 1
LONGEST_CHAIN = 5


class Zone:
    """Every record there is: (name, kind) -> values."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}

    def put(self, name: str, kind: str, value: str | None) -> None:
        """Set the only record of its kind at a name; None removes it."""
        key = (name.rstrip(".").lower(), kind)
        if value is None:
            self.records.pop(key, None)
        else:
            self.records[key] = [value]

    def get(self, name: str, kind: str) -> list[str]:
        """The values of a kind at a name."""
        return self.records.get((name.rstrip(".").lower(), kind), [])

    def knows(self, name: str) -> bool:
        """Whether there is anything at a name."""
        return any(known == name.rstrip(".").lower() for known, _ in self.records)

    async def handle_post(self, request: web.Request) -> web.Response:
        """POST /dns: `{"name": ..., "kind": "TXT", "value": ... or null}`, as an administrator changes a zone."""
        body: dict[str, Any] = await request.json()
        self.put(body["name"], body["kind"], body["value"])
        return web.json_response({"records": len(self.records)})

    def answer(self, wire: bytes) -> bytes | None:
        """The answer to a question, aliases followed; None when it isn't one."""
        try:
            question = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        response = dns.message.make_response(question)
        for asked in question.question:
            name = asked.name.to_text().rstrip(".").lower()
            kind = dns.rdatatype.to_text(asked.rdtype)
            response.answer.extend(self._follow(name, kind))
            if not self.knows(name):
                response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire()

    def _follow(self, name: str, kind: str) -> Iterator[dns.rrset.RRset]:
        for _ in range(LONGEST_CHAIN):
            if values := self.get(name, kind):
                yield _records(name, kind, values)
                return
            if not (alias := self.get(name, "CNAME")):
                return
            yield _records(name, "CNAME", alias)
            name = alias[0].rstrip(".").lower()


def _records(name: str, kind: str, values: list[str]) -> dns.rrset.RRset:
    written = [f"{value.rstrip('.')}." if kind == "CNAME" else f'"{value}"' for value in values]
    return dns.rrset.from_text(f"{name}.", SECONDS_TO_LIVE, "IN", kind, *written)


class Server(asyncio.DatagramProtocol):
    """Answers from a zone."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self, port: int) -> None:
        """Listen on the loopback address, at a UDP port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", port))

    async def stop(self) -> None:
        """Listen no more."""
        if self._transport is not None:
            self._transport.close()
            await asyncio.sleep(0.01)  # the socket is closed in the loop's next round

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Answer a question."""
        answer = self._zone.answer(data)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)
