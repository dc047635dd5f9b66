"""The Hugging Face Hub over real HTTP on this machine: what creating and committing need of it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from http_threads import listening

TOKEN = "hf_of_the_test"


@dataclass
class Hub:
    """Its one repository."""

    address: str = ""
    private: bool | None = None
    """None until it is created."""
    files: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    """Large files by sha256, before a commit names them."""
    commits: list[str] = field(default_factory=list)
    cards: list[str] = field(default_factory=list)
    """What was sent to be validated as a card."""

    def sha(self) -> str:
        return hashlib.sha1(str(len(self.commits)).encode()).hexdigest()


@contextmanager
def serve() -> Iterator[Hub]:
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            if not self.path.startswith("/api/datasets/") or hub.private is None:
                return self.answer(404, {"error": "not found"})
            files = [{"rfilename": name} for name in (".gitattributes", *hub.files)]
            name = self.path.removeprefix("/api/datasets/")
            self.answer(
                200, {"id": name, "sha": hub.sha(), "private": hub.private, "siblings": files}
            )

        def do_PUT(self) -> None:
            data = self.body()
            hub.blobs[hashlib.sha256(data).hexdigest()] = data
            self.answer(200, {})

        def do_POST(self) -> None:
            data = self.body()
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                return self.answer(403, {"error": "this token may not write"})
            if self.path == "/api/repos/create":
                self.create(json.loads(data))
            elif self.path == "/api/validate-yaml":
                hub.cards.append(json.loads(data)["content"])
                self.answer(200, {"errors": [], "warnings": []})
            elif self.path.endswith("/preupload/main"):
                self.answer(200, {"files": [mode(f["path"]) for f in json.loads(data)["files"]]})
            elif self.path.endswith("/info/lfs/objects/batch"):
                objects = [
                    {**o, "actions": {"upload": {"href": f"{hub.address}/blobs/{o['oid']}"}}}
                    for o in json.loads(data)["objects"]
                ]
                self.answer(200, {"transfer": "basic", "objects": objects})
            elif self.path.endswith("/commit/main"):
                self.commit([json.loads(line) for line in data.splitlines()])
            else:
                self.answer(404, {"error": f"no {self.path}"})

        def create(self, wish: dict[str, Any]) -> None:
            url = f"{hub.address}/datasets/{wish['organization'] or 'me'}/{wish['name']}"
            assert wish["type"] == "dataset"
            if hub.private is not None:
                return self.answer(409, {"error": "you have it already", "url": url})
            hub.private = wish.get("visibility") == "private"
            self.answer(200, {"url": url})

        def commit(self, operations: list[dict[str, Any]]) -> None:
            header, *changes = [(o["key"], o["value"]) for o in operations]
            if header[1]["parentCommit"] != hub.sha():
                return self.answer(412, {"error": "a commit has happened since"})
            for kind, value in changes:
                if kind == "file":
                    hub.files[value["path"]] = base64.b64decode(value["content"])
                elif kind == "lfsFile":
                    hub.files[value["path"]] = hub.blobs[value["oid"]]
                elif kind == "deletedFile":
                    del hub.files[value["path"]]
            hub.commits.append(header[1]["summary"])
            self.answer(200, {"commitUrl": f"{self.path}/{hub.sha()}", "commitOid": hub.sha()})

        def body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data

        def answer(self, status: int, value: Any) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with listening(Handler) as hub.address:
        yield hub


def mode(path: str) -> dict[str, Any]:
    """As the hub decides it: Parquet is large, a card is not."""
    large = path.endswith(".parquet")
    return {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
