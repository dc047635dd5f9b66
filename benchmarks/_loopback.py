"""A loopback server that speaks the OpenAI API, for the benchmarks of generation.

It answers ``POST /v1/chat/completions``, ``POST /v1/completions`` and ``GET /v1/models`` after a
fixed latency, with three or four sentences taken from the seeds of a language pack. A reply depends
on prompt and seed alone, so a request that comes twice gets the same answer. ``GET /stats`` tells
what came in, by prompt and seed. Only the standard library: one core answers some thousand requests
a second, so the client is what is measured.

    python benchmarks/_loopback.py [--port 0] [--latency 0.2] [--language es] [--limited 0.02]

The first line on stdout is the port.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import hashlib
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TASKS = Path(__file__).parent.parent / "tasks"
SENTENCE_END = re.compile(r"(?<=[.!?؟])\s+|(?<=[。！？])")
SENTENCES = (3, 4)
"""Sentences of a reply: 100,000 replies from some 150 sentences are all but distinct."""
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests"}


def sentences(language: str) -> list[str]:
    """Return the sentences of a pack's gold responses that are of middling length."""
    seeds = (TASKS / language / "seeds.jsonl").read_text(encoding="utf-8").splitlines()
    parts = (p.strip() for s in seeds for p in SENTENCE_END.split(json.loads(s)["response"]))
    return sorted({part for part in parts if 25 <= len(part) <= 200 and "\n" not in part})


@dataclass
class Counts:
    """What the server saw. `answered` counts replies written to a connection that was open."""

    received: int = 0
    answered: int = 0
    limited: int = 0
    in_flight: int = 0
    max_in_flight: int = 0
    first_received: float = 0.0
    """Seconds since the epoch, as the next one."""
    last_answered: float = 0.0
    asked: dict[bytes, int] = field(default_factory=dict)
    """How often each pair of prompt and seed came in; a refused request does not count."""
    done: set[bytes] = field(default_factory=set)

    def summary(self) -> dict[str, float]:
        """Return the numbers, with `repeated`: requests beyond the first of the same content."""
        numbers = {k: v for k, v in vars(self).items() if k not in ("asked", "done")}
        times = sum(self.asked.values())
        return {
            **numbers,
            "distinct": len(self.asked),
            "repeated": times - len(self.asked),
            "distinct_answered": len(self.done),
        }


@dataclass
class Service:
    """Settings and counts that all connections share."""

    sentences: list[str]
    latency: float
    limited: float
    retry_after: float
    counts: Counts = field(default_factory=Counts)

    def reply(self, key: bytes, path: str, question: dict[str, Any]) -> bytes:
        """Compose the answer to a question."""
        numbers = [int.from_bytes(key[i : i + 4], "big") for i in range(0, 20, 4)]
        n = SENTENCES[numbers[4] % len(SENTENCES)]
        text = " ".join(self.sentences[number % len(self.sentences)] for number in numbers[:n])
        chat = path.endswith("/chat/completions")
        said = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        tokens_in, tokens_out = len(str(question.get("messages") or "")) // 4, len(text) // 4
        answer = {
            "id": f"cmpl-{key[:8].hex()}",
            "object": "chat.completion" if chat else "text_completion",
            "created": int(self.counts.first_received),
            "model": question.get("model", "m"),
            "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None, **said}],
            "usage": {
                "prompt_tokens": tokens_in,
                "completion_tokens": tokens_out,
                "total_tokens": tokens_in + tokens_out,
            },
        }
        return json.dumps(answer, ensure_ascii=False).encode()


class Connection(asyncio.Protocol):
    """One connection: requests one after another, as HTTP/1.1 without pipelining."""

    def __init__(self, service: Service) -> None:
        """Share the service."""
        self.service, self.buffer, self.head = service, b"", ""
        self.transport: asyncio.Transport

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Wait for a whole request, then handle it."""
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buffer[:end].decode("latin-1")
        found = re.search(r"(?i)\r\ncontent-length: *(\d+)", head)
        size = end + 4 + (int(found[1]) if found else 0)
        if len(self.buffer) < size:
            return
        body, self.buffer = self.buffer[end + 4 : size], self.buffer[size:]
        method, path, _ = head.split(" ", 2)
        self.keep = not re.search(r"(?i)\r\nconnection: *close", head)
        if method == "POST" and path.endswith("/completions"):
            self.complete(path, json.loads(body))
        elif path.endswith("/models"):
            self.send(200, b'{"object": "list", "data": [{"id": "m", "object": "model"}]}')
        elif path == "/stats":
            self.send(200, json.dumps(self.service.counts.summary()).encode())
        else:
            self.send(404, b'{"error": {"message": "no such path"}}')

    def complete(self, path: str, question: dict[str, Any]) -> None:
        """Answer later, or refuse now."""
        counts, now = self.service.counts, time.time()
        prompt = question.get("messages") or question.get("prompt")
        if not prompt:  # a client that only wants to see the headers
            self.send(400, b'{"error": {"message": "no messages"}}')
            return
        counts.first_received = counts.first_received or now
        counts.received += 1
        limited = self.service.limited
        if int(counts.received * limited) > int((counts.received - 1) * limited):
            counts.limited += 1
            error = b'{"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}}'
            self.send(429, error, f"Retry-After: {self.service.retry_after:g}\r\n")
            return
        key = hashlib.sha256(json.dumps([prompt, question.get("seed")]).encode()).digest()
        counts.asked[key] = counts.asked.get(key, 0) + 1
        counts.in_flight += 1
        counts.max_in_flight = max(counts.max_in_flight, counts.in_flight)
        if self.service.latency:
            loop = asyncio.get_running_loop()
            loop.call_later(self.service.latency, self.answer, key, path, question)
        else:
            self.answer(key, path, question)

    def answer(self, key: bytes, path: str, question: dict[str, Any]) -> None:
        """Send the answer, if anyone is there to take it."""
        counts = self.service.counts
        counts.in_flight -= 1
        if not self.transport.is_closing():
            self.send(200, self.service.reply(key, path, question))
            counts.answered += 1
            counts.done.add(key)
            counts.last_answered = time.time()

    def send(self, status: int, body: bytes, headers: str = "") -> None:
        """Write a response; close the connection if the client asked for it."""
        headers += "" if self.keep else "Connection: close\r\n"
        head = (
            f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n"
            f"{headers}Content-Length: {len(body)}\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        if not self.keep:
            self.transport.close()


async def serve(service: Service, port: int) -> None:
    """Listen until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Loopback:
    """A server process as its user sees it."""

    def __init__(self, port: int) -> None:
        """Know where it listens."""
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self._stats = f"http://127.0.0.1:{port}/stats"

    def stats(self) -> dict[str, float]:
        """Ask for the counts; see `Counts`."""
        with urllib.request.urlopen(self._stats) as answer:  # noqa: S310 - always http
            return dict(json.load(answer))


@contextmanager
def loopback(*options: str, core: int | None = None) -> Iterator[Loopback]:
    """Run the server in a process of its own, on one core if given."""
    pin = [] if core is None else ["taskset", "-c", str(core)]
    process = subprocess.Popen(
        [*pin, sys.executable, __file__, *options], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        yield Loopback(int(process.stdout.readline()))
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="0 for any free one")
    parser.add_argument("--latency", type=float, default=0.2, help="seconds until an answer")
    parser.add_argument("--language", default="es")
    parser.add_argument("--limited", type=float, default=0.0, help="share of requests answered 429")
    parser.add_argument("--retry-after", type=float, default=1.0, help="seconds, sent with a 429")
    args = parser.parse_args()
    gc.disable()  # no pauses; nothing here makes cycles that matter
    service = Service(sentences(args.language), args.latency, args.limited, args.retry_after)
    asyncio.run(serve(service, args.port))


if __name__ == "__main__":
    main()
