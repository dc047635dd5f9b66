"""A real ``vllm serve`` on a free port of this machine, for tests."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving(folder: str, *flags: str, env: Mapping[str, str], log: Path) -> Iterator[str]:
    """Serve the model of a folder as "smol"; give the base URL when it is up (a minute or two)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    vllm = Path(sys.executable).with_name("vllm")
    command = [vllm, "serve", folder, "--served-model-name=smol", "--host=127.0.0.1"]
    with log.open("wb") as file:
        server = subprocess.Popen(
            [*command, f"--port={port}", *flags], env=env, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        _await_health(f"http://127.0.0.1:{port}/health", server, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _await_health(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(400):
        assert server.poll() is None, log.read_text()[-3000:]
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(1)
    raise AssertionError(log.read_text()[-3000:])
