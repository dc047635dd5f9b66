"""A server that answers ``POST /classify`` as vLLM does, by a rule of the test, and faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from http_threads import listening

Fault = tuple[int, Any]
"""Status and body."""


@dataclass
class Rewards:
    """What it was asked, and what it answers."""

    reward: Callable[[str, str], Any] = lambda prompt, response: float(len(response))
    fault: Callable[[int, dict[str, Any]], Fault | None] = lambda number, asked: None
    """Given the number of the request and the request: what is answered instead, or None."""
    received: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(server: Rewards) -> Iterator[Rewards]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            number = len(server.received)
            server.received.append({"path": self.path, **asked})
            user, assistant = (turn["content"] for turn in asked["messages"])
            row = {"index": 0, "label": "LABEL_0", "num_classes": 1}
            right = {"data": [{**row, "probs": [server.reward(user, assistant)]}]}
            status, body = server.fault(number, asked) or (200, right)
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(data)

    with listening(Handler) as url:
        server.url = url
        yield server
