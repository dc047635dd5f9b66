"""The fault server as a process, and what its log says of the requests that it got."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SERVER = Path(__file__).parent / "fault_server.py"


class Served:
    """A server that can be killed, and started again on the same port."""

    def __init__(self, log: Path, **options: object) -> None:
        """`options` are those of the server's command line; True stands for a bare flag."""
        self.log, self.options = log, options
        self.port = 0

    def start(self, **options: object) -> None:
        """Start it; `options` replace those given before."""
        self.options |= options
        given = {"log": self.log, "port": self.port, **self.options}
        flags = [
            part
            for name, value in given.items()
            for part in [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
        ]
        self.process = subprocess.Popen(
            [sys.executable, str(SERVER), *flags], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        """Kill it, if it lives; what was in flight is lost."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def received(self) -> list[str]:
        """What identifies each request that came (prompt and seed), in the order of arrival."""
        return [line["id"] for line in self._lines() if line["event"] == "received"]

    @property
    def answered(self) -> Counter[str]:
        """How often each request got its reply, not counting failures."""
        return Counter(line["id"] for line in self._lines() if line.get("outcome") == "ok")

    def _lines(self) -> list[dict[str, Any]]:
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_bytes().split(b"\n")[:-1]]


@contextmanager
def served(log: Path, **options: object) -> Iterator[Served]:
    """Run a server."""
    server = Served(log, **options)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def rows(root: Path) -> list[dict[str, Any]]:
    """Return the rows of all logs of replies below a folder; a torn last line is left out."""
    logs = sorted(root.glob("replies/*/replies.jsonl"))
    return [json.loads(line) for log in logs for line in log.read_bytes().split(b"\n")[:-1]]


def outcomes(root: Path) -> dict[str, bytes]:
    """Return the outcomes of all cells below a folder by their name."""
    found = sorted(root.glob("generate/*/*.jsonl"))
    return {str(path.relative_to(root)): path.read_bytes() for path in found}
