"""An embeddings server over real HTTP on this machine: the embedded E5, and faults on request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from polyglot_harness.models.embed import Embedder

Answer = tuple[int, Any]
"""Status and body; a body of bytes is sent as it is, and then the connection is closed."""


@cache
def engine() -> Embedder:
    return Embedder(threads=1)


@dataclass
class Server:
    """What it was asked, and what it does wrong."""

    fault: Callable[[int, dict[str, Any]], Answer | None] = lambda number, answer: None
    """Given the number of the request and the right answer: another one, or None."""
    check: Callable[[list[str]], Answer | None] = lambda texts: None
    """Given the texts of a request: why they are refused, or None."""
    url: str = ""
    received: list[list[str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released once for each request."""


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.path.endswith("/embeddings")
            with lock:
                number = len(server.received)
                server.received.append(asked["input"])
                server.headers.append(dict(self.headers))
                server.arrived.release()
            if refused := server.check(asked["input"]):
                return self.answer(*refused)
            with lock:
                vectors = np.asarray(engine().embed(asked["input"]), dtype=np.float64)
            rows = [{"index": i, "embedding": list(v)} for i, v in enumerate(vectors)]
            right = {"object": "list", "data": rows[::-1]}  # the index says which is which
            self.answer(*(server.fault(number, right) or (200, right)))

        def answer(self, status: int, body: Any) -> None:
            if isinstance(body, bytes):
                self.wfile.write(body)
                self.close_connection = True
                return
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(data)

    class Threads(ThreadingHTTPServer):
        daemon_threads = False  # they are joined: none outlives its test

        def handle_error(self, *args: Any) -> None:
            pass  # a client that gave up

    http = Threads(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
