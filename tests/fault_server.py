"""An OpenAI-compatible server that answers sensibly, and fails on request.

In a test: ``with FaultServer(plan={3: "503"}) as server: ... server.url``. As a process:
``python tests/fault_server.py --latency 0.2`` prints its port and runs until it is killed.

A fault is chosen, in this order: by a marker in the prompt (``[[503]]`` always, ``[[503 x2]]`` the
first two times this prompt is asked), by the request's number in order of arrival (`plan`), or for
every n-th request (`fail_every`). The names of the faults are in `fault_table`.
"""

from __future__ import annotations

import argparse
import asyncio
import email.utils
import json
import os
import re
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fault_replies import identity, prompt_of, reply_to
from fault_table import FAULTS, NO_MAX_TOKENS, NO_SCHEMA, SPECIAL, error

MARKER = re.compile(r"\[\[([\w-]+)(?: x(\d+))?\]\]")


@dataclass
class Received:
    """One request as it came."""

    number: int
    at: float
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    prompt: str
    outcome: str = "hang"
    """``ok`` or the name of the fault."""

    @property
    def id(self) -> str:
        """The same for the same prompt and seed."""
        return identity(self.prompt, self.body.get("seed"))


class FaultServer:
    """The server, in a thread of its own."""

    def __init__(
        self,
        *,
        port: int = 0,
        latency: float = 0.0,
        key: str = "",
        capacity: int = 0,
        slots: int = 0,
        plan: dict[int, str] | None = None,
        fail_every: int = 0,
        fault: str = "500",
        knows_schema: bool = True,
        knows_max_tokens: bool = True,
        retry_after: float = 1.0,
        log: Path | None = None,
        ssl_context: Any = None,
    ) -> None:
        """Set up.

        Args:
            port: 0 for any that is free.
            latency: Seconds from request to answer.
            key: What ``Authorization: Bearer`` must hold; "" for no check.
            capacity: Requests at once, above which 429 is answered; 0 for no limit.
            slots: Requests that are worked on at once, the others queue; 0 for all.
            plan: Fault by number of the request, from 1.
            fail_every: Fail each n-th request; 0 for none.
            fault: How.
            knows_schema: If not, a ``response_format`` is refused.
            knows_max_tokens: If not, ``max_completion_tokens`` is asked for.
            retry_after: Seconds in the header ``Retry-After``.
            log: File that gets a line for each request received and each one answered.
            ssl_context: For https.
        """
        self.options = (port, ssl_context)
        self.latency, self.key, self.capacity, self.slots = latency, key, capacity, slots
        self.plan = {int(number): name for number, name in (plan or {}).items()}
        self.fail_every, self.fault = fail_every, fault
        self.knows_schema, self.knows_max_tokens = knows_schema, knows_max_tokens
        self.retry_after = retry_after
        self.log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT) if log else None
        self.requests: list[Received] = []
        self.asked: Counter[str] = Counter()
        self.concurrent = self.max_concurrent = self.answered = 0
        self.queue: deque[Any] = deque()
        self.busy = 0
        self.connections: set[Connection] = set()

    # --- life

    async def listen(self) -> None:
        port, context = self.options
        self.loop = asyncio.get_running_loop()
        self.listener = await self.loop.create_server(
            lambda: Connection(self), "127.0.0.1", port, ssl=context
        )
        self.port = self.listener.sockets[0].getsockname()[1]
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> FaultServer:
        ready = threading.Event()

        async def live() -> None:
            await self.listen()
            self.stopped = asyncio.Event()
            ready.set()
            await self.stopped.wait()
            self.listener.close()
            for connection in list(self.connections):
                connection.transport.abort()
            await asyncio.sleep(0)

        self.thread = threading.Thread(target=lambda: asyncio.run(live()), daemon=True)
        self.thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.stopped.set)
        self.thread.join(10)
        assert not self.thread.is_alive()
        if self.log is not None:
            os.close(self.log)

    # --- answering

    def receive(self, connection: Connection, path: str, headers: dict, body: bytes) -> None:
        if path.endswith("/models"):
            connection.answer(200, {}, b'{"object": "list", "data": [{"id": "test"}]}')
            return
        data = json.loads(body)
        request = Received(
            len(self.requests) + 1, time.monotonic(), path, headers, data, prompt_of(data)
        )
        self.requests.append(request)
        self.note("received", request)
        self.concurrent += 1
        self.max_concurrent = max(self.max_concurrent, self.concurrent)
        work = (connection, request, self.fault_of(request))
        if self.slots and self.busy >= self.slots:
            self.queue.append(work)
        else:
            self.start(*work)

    def start(self, connection: Connection, request: Received, fault: str) -> None:
        self.busy += 1
        if fault == "hang":
            return
        # what is refused is refused at once
        delay = 0.0 if fault == "capacity" else self.latency
        self.loop.call_later(delay, self.finish, connection, request, fault)

    def finish(self, connection: Connection, request: Received, fault: str) -> None:
        self.concurrent -= 1
        self.busy -= 1
        request.outcome = fault or "ok"
        self.note("answered", request)
        self.answered += not fault
        self.respond(connection, request, fault)
        if self.queue:
            self.start(*self.queue.popleft())

    def fault_of(self, request: Received) -> str:
        authorization = request.headers.get("authorization", "")
        if self.key and authorization != f"Bearer {self.key}":
            return "bad-key"
        if marker := MARKER.search(request.prompt):
            self.asked[request.prompt] += 1
            if not marker[2] or self.asked[request.prompt] <= int(marker[2]):
                return marker[1]
        elif request.number in self.plan:
            return self.plan[request.number]
        elif self.fail_every and request.number % self.fail_every == 0:
            return self.fault
        if not self.knows_schema and "response_format" in request.body:
            return "no-schema"
        if not self.knows_max_tokens and "max_tokens" in request.body:
            return "no-max-tokens"
        return "capacity" if self.capacity and self.concurrent > self.capacity else ""

    def respond(self, connection: Connection, request: Received, fault: str) -> None:
        seconds = self.retry_after
        date = email.utils.formatdate(time.time() + seconds, usegmt=True)
        made = {
            "no-schema": NO_SCHEMA,
            "no-max-tokens": NO_MAX_TOKENS,
            "capacity": FAULTS["429"],
            "429-after": error(429, "Rate limit reached", **{"Retry-After": f"{seconds:g}"}),
            "429-date": error(429, "Rate limit reached", **{"Retry-After": date}),
            "503-after": error(503, "Restarting", **{"Retry-After": f"{seconds:g}"}),
            "echo-key": error(401, f"Bad header {request.headers.get('authorization')}"),
        }
        if fault == "reset":
            connection.transport.abort()
        elif fault == "truncated":
            connection.answer(*self.success(request), cut=True)
        elif fault:
            connection.answer(*(made.get(fault) or FAULTS[fault]))
        else:
            connection.answer(*self.success(request))

    def success(self, request: Received) -> tuple:
        body = request.body
        text, reason = reply_to(body), "stop"
        for stop in body.get("stop") or ():
            text = text.split(stop)[0]
        budget = body.get("max_completion_tokens", body.get("max_tokens", 256))
        words = re.findall(r"\S+\s*", text)
        if len(words) > budget:
            text, reason = "".join(words[:budget]), "length"
        chat = "messages" in body
        content = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        usage = {
            "prompt_tokens": len(request.prompt.split()),
            "completion_tokens": min(len(words), budget),
        }
        answer = {
            "id": f"r{request.number}",
            "object": "chat.completion" if chat else "text_completion",
            "model": body.get("model"),
            "choices": [{"index": 0, **content, "finish_reason": reason}],
            "usage": usage,
        }
        return 200, {}, json.dumps(answer, ensure_ascii=False).encode()

    def note(self, event: str, request: Received) -> None:
        if self.log is not None:
            line = {"event": event, "number": request.number, "id": request.id}
            line |= {"outcome": request.outcome} if event == "answered" else {}
            os.write(self.log, (json.dumps(line) + "\n").encode())


class Connection(asyncio.Protocol):
    """HTTP/1.1 with Content-Length, one request after another."""

    def __init__(self, server: FaultServer) -> None:
        self.server = server
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.server.connections.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self.server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            start, *lines = self.buffer[:end].decode("latin-1").split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            headers = {name.lower(): value for name, value in headers.items()}
            whole = end + 4 + int(headers.get("content-length", 0))
            if len(self.buffer) < whole:
                return
            body, self.buffer = self.buffer[end + 4 : whole], self.buffer[whole:]
            self.server.receive(self, start.split()[1], headers, body)

    def answer(self, status: int, headers: dict[str, str], body: bytes, cut: bool = False) -> None:
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        sent = body[: len(body) // 2] if cut else body
        self.transport.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + sent)
        if cut:
            self.transport.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--key", default="")
    parser.add_argument("--capacity", type=int, default=0)
    parser.add_argument("--slots", type=int, default=0)
    parser.add_argument("--plan", type=Path, help='JSON: {"3": "503", ...}')
    parser.add_argument("--fail-every", type=int, default=0)
    parser.add_argument("--fault", default="500", choices=[*FAULTS, *SPECIAL])
    parser.add_argument("--retry-after", type=float, default=1.0)
    parser.add_argument("--no-schema", action="store_true")
    parser.add_argument("--log", type=Path)
    options = vars(parser.parse_args())
    plan, no_schema = options.pop("plan"), options.pop("no_schema")
    server = FaultServer(
        **options,
        plan=json.loads(plan.read_text()) if plan else None,
        knows_schema=not no_schema,
    )

    async def live() -> None:
        await server.listen()
        print(server.port, flush=True)
        await asyncio.Event().wait()

    asyncio.run(live())


if __name__ == "__main__":
    main()
