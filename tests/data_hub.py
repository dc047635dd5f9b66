"""The Hugging Face Hub over real HTTP on this machine: what reading data sets needs of it.

Repositories are folders; each has commits, the files of which are served as they are.
"""

from __future__ import annotations

import hashlib
import json
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from http_threads import listening


@dataclass
class DataHub:
    """Its repositories."""

    address: str = ""
    commits: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    """Repository -> commit -> path -> file; the last commit is ``main``."""
    gated: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)

    def commit(self, repo: str, files: dict[str, str | bytes]) -> str:
        """Add a commit; return its SHA."""
        data = {n: f.encode() if isinstance(f, str) else f for n, f in files.items()}
        known = self.commits.setdefault(repo, {})
        sha = hashlib.sha1(f"{repo} {len(known)}".encode()).hexdigest()
        known[sha] = data
        return sha


def _blob(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


@contextmanager
def serve() -> Iterator[DataHub]:
    hub = DataHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(size)
            wish = (
                json.loads(body) if body.startswith(b"{") else urllib.parse.parse_qs(body.decode())
            )
            self.api(wish)

        def do_GET(self) -> None:
            if self.path.startswith("/api/datasets/"):
                return self.api({})
            parts = urllib.parse.unquote(self.path.split("?")[0]).split("/resolve/")
            if len(parts) != 2:
                return self.answer(404, {"error": "not found"})
            revision, _, name = parts[1].partition("/")
            found = self.files(parts[0].removeprefix("/datasets/"), revision)
            if found is None:
                return
            sha, files = found
            if name not in files:
                headers = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": sha}
                return self.answer(404, {"error": "no such file"}, headers)
            self.send(200, files[name], {"X-Repo-Commit": sha, "ETag": f'"{_blob(files[name])}"'})

        def api(self, wish: dict[str, Any]) -> None:
            path = urllib.parse.unquote(self.path.split("?")[0]).removeprefix("/api/datasets/")
            owner, name, *rest = path.split("/")
            kind, revision = (rest + ["revision", "main"])[:2] if rest else ("revision", "main")
            found = self.files(f"{owner}/{name}", revision)
            if found is None:
                return
            sha, files = found
            if kind == "revision":
                siblings = [{"rfilename": file} for file in files]
                return self.answer(200, {"id": path, "sha": sha, "siblings": siblings})
            under = "/".join(rest[2:])
            paths = wish.get("paths") if kind == "paths-info" else None
            self.answer(200, entries(files, under, paths, "recursive=true" in self.path.lower()))

        def files(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
            hub.requests.append(f"{self.command} {self.path}")
            known = hub.commits.get(repo)
            if known is None:
                self.answer(404, {"error": "no repository"}, {"X-Error-Code": "RepoNotFound"})
            elif repo in hub.gated:
                self.answer(401, {"error": "gated"}, {"X-Error-Code": "GatedRepo"})
            elif revision != "main" and revision not in known:
                self.answer(404, {"error": "no revision"}, {"X-Error-Code": "RevisionNotFound"})
            else:
                sha = list(known)[-1] if revision == "main" else revision
                return sha, known[sha]
            return None

        def answer(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
            extra = {"Content-Type": "application/json", **(headers or {})}
            if status >= 400:
                extra["X-Error-Message"] = value["error"]
            self.send(status, json.dumps(value).encode(), extra)

        def send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

    with listening(Handler) as hub.address:
        yield hub


def entries(
    files: dict[str, bytes], under: str, paths: list[str] | None, recursive: bool
) -> list[dict[str, Any]]:
    """Files and folders, as the hub's tree lists them."""
    found: dict[str, dict[str, Any]] = {}
    for name, data in files.items():
        parts = name.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            oid = _blob(folder.encode())
            found[folder] = {"type": "directory", "path": folder, "oid": oid, "size": 0}
        found[name] = {"type": "file", "path": name, "oid": _blob(data), "size": len(data)}
    if paths is not None:
        return [found[path] for path in paths if path in found]
    inside = f"{under}/" if under else ""
    return [
        entry
        for path, entry in found.items()
        if path.startswith(inside) and (recursive or "/" not in path[len(inside) :])
    ]
