"""SendGrid's domain authentication. The simulated merchant puts the records into the DNS as soon as they are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from simulator.providers.dns import Zone

USER_ID = 1446226
KEY = "k=rsa; t=s; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDFi0RG"


class Domains:
    """One account's authenticated domains, in the order they were made."""

    def __init__(self, api_key: str, zone: Zone) -> None:
        self._authorization = f"Bearer {api_key}"
        self._zone = zone
        self.made: list[dict[str, Any]] = []
        self.publishes = True

    def routes(self) -> list[web.RouteDef]:
        """The three calls an application needs."""
        root = "/sendgrid/v3/whitelabel/domains"
        return [
            web.get(root, self.list, allow_head=False),
            web.post(root, self.create),
            web.post(f"{root}/{{id:\\d+}}/validate", self.validate),
        ]

    async def list(self, request: web.Request) -> web.Response:
        """GET: those of a domain, or all."""
        if refusal := self._refuses(request):
            return refusal
        wanted = request.query.get("domain")
        return web.json_response([each for each in self.made if wanted in (None, each["domain"])])

    async def create(self, request: web.Request) -> web.Response:
        """POST: three records to be put into the DNS."""
        if refusal := self._refuses(request):
            return refusal
        asked = await request.json()
        domain = asked.get("domain")
        if not domain:
            return web.json_response({"errors": [{"message": "domain is required", "field": "domain"}]}, status=400)
        number = len(self.made) + 1
        subdomain = asked.get("subdomain") or f"em{number}"
        host = f"u{USER_ID}.wl{number}.sendgrid.net"
        records = {
            "mail_cname": _record(f"{subdomain}.{domain}", host),
            "dkim1": _record(f"s1._domainkey.{domain}", f"s1.domainkey.{host}"),
            "dkim2": _record(f"s2._domainkey.{domain}", f"s2.domainkey.{host}"),
        }
        made = {
            "id": number, "user_id": USER_ID, "subdomain": subdomain, "domain": domain, "username": "simulated",
            "ips": [], "custom_spf": False, "default": bool(asked.get("default")), "legacy": False,
            "automatic_security": bool(asked.get("automatic_security", True)), "valid": False, "dns": records,
        }  # fmt: skip
        self.made.append(made)
        self._publish(domain, host, records)
        return web.json_response(made, status=201)

    async def validate(self, request: web.Request) -> web.Response:
        """POST: look into the DNS."""
        if refusal := self._refuses(request):
            return refusal
        number = int(request.match_info["id"])
        if not 0 < number <= len(self.made):
            return web.json_response({"errors": [{"message": "not found"}]}, status=404)
        made = self.made[number - 1]
        results = {}
        for name, record in made["dns"].items():
            record["valid"] = self._zone.get(record["host"], "CNAME") == [record["data"]]
            results[name] = {"valid": record["valid"], "reason": None if record["valid"] else "Expected a CNAME."}
        made["valid"] = all(record["valid"] for record in made["dns"].values())
        return web.json_response({"id": number, "valid": made["valid"], "validation_results": results})

    def _publish(self, domain: str, host: str, records: dict[str, dict[str, Any]]) -> None:
        self._zone.put(host, "TXT", "v=spf1 ip4:149.72.0.1 -all")
        for selector in ("s1", "s2"):
            self._zone.put(f"{selector}.domainkey.{host}", "TXT", KEY)
        if self.publishes:
            for record in records.values():
                self._zone.put(record["host"], "CNAME", record["data"])
            self._zone.put(f"_dmarc.{domain}", "TXT", f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}")

    def _refuses(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == self._authorization:
            return None
        return web.json_response({"errors": [{"message": "authorization required"}]}, status=401)


def _record(host: str, data: str) -> dict[str, Any]:
    return {"valid": False, "type": "cname", "host": host, "data": data}
