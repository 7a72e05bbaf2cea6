"""What two DNS providers' interfaces answer, after their documentation: enough for TXT records."""

from __future__ import annotations

from typing import Any

from tests.bed.internet import Asked, Said


class Cloudflare:
    """Cloudflare's interface, version 4, with one zone."""

    host = "api.cloudflare.com"

    def __init__(self, zone: str, token: str) -> None:
        self.zone, self.token = zone, token
        self.records: dict[str, dict[str, Any]] = {}

    def values(self) -> list[tuple[str, str]]:
        """What it publishes."""
        return sorted((one["name"], one["content"]) for one in self.records.values())

    def put(self, name: str, content: str) -> None:
        """Publish it, as somebody else would."""
        identity = f"r{len(self.records)}{len(content)}"
        self.records[identity] = {
            "id": identity,
            "type": "TXT",
            "name": name,
            "content": content,
            "ttl": 60,
        }

    def take(self, identity: str) -> None:
        """Publish it no longer."""
        del self.records[identity]

    def answer(self, asked: Asked) -> Said:
        if asked.headers.get("Authorization") != f"Bearer {self.token}":
            return self._no(403, 9109, f"Invalid access token {asked.headers.get('Authorization')}")
        match asked.method, asked.path.removeprefix("/client/v4").strip("/").split("/"):
            case "GET", ["zones"]:
                return self._page([{"id": "z1", "name": self.zone}])
            case "GET", ["zones", "z1", "dns_records"]:
                return self._page(
                    [
                        one
                        for one in self.records.values()
                        if all(one[key] == asked.query.get(key, one[key]) for key in ("name", "content"))
                    ]
                )
            case "POST", ["zones", "z1", "dns_records"]:
                self.put(asked.document["name"], asked.document["content"])
                return self._page({"id": "new"})
            case "DELETE", ["zones", "z1", "dns_records", identity]:
                self.take(identity)
                return self._page({"id": identity})
            case _:
                return self._no(404, 7003, "Could not route")

    def _page(self, result: object) -> Said:
        return Said({"success": True, "result": result, "result_info": {"page": 1, "total_pages": 1}})

    def _no(self, status: int, code: int, message: str) -> Said:
        return Said({"success": False, "errors": [{"code": code, "message": message}]}, status)


class HetznerCloud:
    """Hetzner's interface of the Cloud, version 1: sets of records, and actions on them that take a while."""

    host = "api.hetzner.cloud"

    def __init__(self, zone: str, token: str) -> None:
        self.zone, self.token = zone, token
        self.sets: dict[str, list[str]] = {}

    def answer(self, asked: Asked) -> Said:
        if asked.headers.get("Authorization") != f"Bearer {self.token}":
            return Said(
                {"error": {"code": "unauthorized", "message": "unable to authenticate", "details": {}}}, 401
            )
        match asked.method, asked.path.removeprefix("/v1/").split("/"):
            case "GET", ["zones", _]:
                return Said({"zone": {"id": 7, "name": self.zone}})
            case "GET", ["zones", _, "rrsets"]:
                wanted = asked.query.get("name")
                sets = [
                    self._set(name, values) for name, values in self.sets.items() if name == (wanted or name)
                ]
                return Said({"rrsets": sets, "meta": {"pagination": {"page": 1, "last_page": 1}}})
            case "POST", ["zones", _, "rrsets", name, "TXT", "actions", action]:
                values = [one["value"].strip('"') for one in asked.document["records"]]
                held = self.sets.get(name, [])
                adds = action == "add_records"
                self.sets[name] = held + values if adds else [one for one in held if one not in values]
                return Said({"action": {"id": 1, "status": "success"}})
            case _:
                return Said({"error": {"code": "not_found", "message": "not found"}}, 404)

    def _set(self, name: str, values: list[str]) -> dict[str, Any]:
        records = [{"value": f'"{value}"'} for value in values]
        return {"id": f"{name}/TXT", "name": name, "type": "TXT", "ttl": 300, "records": records}
