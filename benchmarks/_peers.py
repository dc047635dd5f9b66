"""Tools that ask a server for many completions, each run as its users would: one command.

A tool gets a file of prompts, the address of a server, a folder and a concurrency; what it needs is
installed in a virtual environment of its own, so that none decides the versions of another.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from _loopback import TASKS, Loopback, loopback

ADAPTERS = Path(__file__).parent / "peers"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "polyglot-benchmarks"
"""Where the virtual environments are."""
LANGUAGE = "es"


@dataclass(frozen=True)
class Job:
    """What is asked of a tool."""

    prompts: Path
    """JSONL with id and prompt."""
    base_url: str
    folder: Path
    """For all that it writes; given again to resume."""
    concurrency: int
    count: int


@contextmanager
def fresh_job(
    prompts: Path, args: argparse.Namespace, *options: str, core: int
) -> Iterator[tuple[Loopback, Job, Path]]:
    """Start a server on a core; yield it, a job for it in a folder of its own, and a log file.

    Args:
        prompts: See `Job`.
        args: latency, concurrency and count.
        options: Further ones of the server.
        core: The server's.
    """
    server_options = ("--latency", str(args.latency), "--language", LANGUAGE, *options)
    with (
        tempfile.TemporaryDirectory() as folder,
        loopback(*server_options, core=core) as server,
    ):
        out = Path(folder) / "out"
        out.mkdir()
        job = Job(prompts, server.base_url, out, args.concurrency, args.count)
        yield server, job, Path(folder) / "log"


@dataclass(frozen=True)
class Peer:
    """Somebody else's tool, or a bare client."""

    script: str
    packages: tuple[str, ...]
    outputs: str
    """Glob of the files with one line an example, inside the folder."""

    @property
    def home(self) -> Path:
        """Its virtual environment."""
        return CACHE / Path(self.script).stem

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.home / "bin" / "python"

    def command(self, job: Job) -> list[str | Path]:
        """Return what to run."""
        return [self.python, ADAPTERS / self.script, job.prompts, job.base_url, job.folder,
                str(job.concurrency)]  # fmt: skip

    def install(self) -> None:
        """Make the virtual environment, if it is not there."""
        subprocess.run([sys.executable, "-m", "venv", self.home], check=True)
        subprocess.run([self.python, "-m", "pip", "install", "-q", *self.packages], check=True)


@dataclass(frozen=True)
class Harness:
    """Ours, in the environment that runs the benchmark. It has prompts of its own."""

    outputs: str = "generate/*/examples.jsonl"
    arguments: tuple[str, ...] = ()

    def command(self, job: Job) -> list[str | Path]:
        """Return what to run."""
        return [
            sys.executable, "-m", "polyglot_harness", "generate",
            "--teacher", "openai-compatible",
            "--teacher_args", f"model=m,base_url={job.base_url}",
            "--languages", LANGUAGE, "--strategies", "respond",
            "--limit", str(job.count), "--concurrency", str(job.concurrency),
            "--output_path", job.folder, *self.arguments,
        ]  # fmt: skip


BARE = "bare aiohttp"
OURS = "polyglot-harness"
TOOLS: dict[str, Peer | Harness] = {
    BARE: Peer("bare_aiohttp.py", ("aiohttp",), "replies.jsonl"),
    OURS: Harness(),
    "datatrove 0.10.1": Peer(
        "datatrove_runner.py",
        # its extra [inference] brings vllm and sglang, which a client has no use for
        ("datatrove==0.10.1", "aiofiles", "aiosqlite", "httpx", "orjson", "xxhash"),
        "out/*.jsonl",
    ),
    "curator 0.1.31": Peer("curator_llm.py", ("bespokelabs-curator==0.1.31",), "replies.jsonl"),
    "distilabel 1.5.3": Peer(
        "distilabel_pipeline.py", ("distilabel[openai]==1.5.3", "requests"), "replies.jsonl"
    ),
}
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}


def install() -> None:
    """Make all virtual environments that are missing; one that fails is named and left out."""
    for name, tool in TOOLS.items():
        if isinstance(tool, Peer) and not tool.python.exists():
            print(f"installing {name} in {tool.home}", flush=True)
            try:
                tool.install()
            except subprocess.CalledProcessError as error:
                print(f"{name} cannot be installed: {error}")


def at_hand(wanted: list[str] | None) -> dict[str, Peer | Harness]:
    """Return the tools that are wanted (beginnings of names; None for all) and installed."""
    found = {}
    for name, tool in TOOLS.items():
        if wanted is not None and not any(name.startswith(start) for start in wanted):
            continue
        if isinstance(tool, Peer) and not tool.python.exists():
            print(f"{name} is not installed (--install); left out")
        else:
            found[name] = tool
    return found


def write_prompts(path: Path, count: int) -> Path:
    """Write prompts of the pack, numbered so that no two are the same."""
    seeds = (TASKS / LANGUAGE / "seeds.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(seed)["prompt"] for seed in seeds]
    with path.open("w", encoding="utf-8") as out:
        for i in range(count):
            row = {"id": f"p{i:06d}", "prompt": f"{texts[i % len(texts)]} ({i})"}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


def delivered(tool: Peer | Harness, folder: Path) -> int:
    """Return how many different examples a tool left."""
    ids = set()
    for path in folder.glob(tool.outputs):
        with path.open(encoding="utf-8") as lines:
            ids.update(json.loads(line)["id"] for line in lines)
    return len(ids)
