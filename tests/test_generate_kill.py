"""SIGKILL at random moments, the same command again, and in the end the same bytes.

Real processes and a real server of their own; nothing is left out but the network between them.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from serving import Served, outcomes, rows, served

KILLS = 20
CONCURRENCY = 4
STRATEGIES = ("respond", "generate")
LIMIT = 150


def killed_at(arguments: list[str], seconds: float, begun: Callable[[], bool]) -> None:
    """Run the command, wait until it has `begun`, and kill it so many seconds later."""
    process = subprocess.Popen(
        [sys.executable, "-m", "polyglot_harness", *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 240
    while process.poll() is None and not begun():
        assert time.monotonic() < deadline, "nothing was generated"
        time.sleep(0.005)
    time.sleep(seconds)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    _, stderr = process.communicate()
    assert process.returncode == -signal.SIGKILL, stderr


def names(folder: Path) -> set[str]:
    """Return the ids of the documents whose replies are on disk."""
    return {row["id"] for row in rows(folder)}


@pytest.mark.slow
def test_twenty_kills_lose_nothing_and_ask_nothing_twice(cli, tmp_path: Path) -> None:
    with served(tmp_path / "server.jsonl") as server:

        def command(out: Path, concurrency: int) -> list[str]:
            args = f"model=toy,base_url={server.url},backoff_seconds=0.05"
            return ["generate", "--teacher", "openai-compatible", "--teacher_args", args,
                    "--languages", "de", "--strategies", *STRATEGIES, "--limit", str(LIMIT),
                    "--checks", "contamination=0", "--concurrency", str(concurrency),
                    "--output_path", str(out)]  # fmt: skip

        done = cli(*command(tmp_path / "whole", 1))
        assert done.returncode == 0, done.stderr
        # one at a time, requests came in the order of the documents
        documents = [f"de-{s}-0-{i:06d}" for s in STRATEGIES for i in range(LIMIT)]
        request_of = dict(zip(documents, server.received, strict=True))
        server.kill()
        undisturbed = len(server.received)
        server.start(latency=0.1, fail_every=9, fault="503")
        kept = kill_often(command(tmp_path / "out", CONCURRENCY), tmp_path / "out", server)
        done = cli(*command(tmp_path / "out", CONCURRENCY))
        assert done.returncode == 0, done.stderr
    assert outcomes(tmp_path / "out") == outcomes(tmp_path / "whole")
    received = server.received
    for place, on_disk in kept:
        again = {request_of[name] for name in on_disk} & set(received[place:])
        assert not again, f"{len(again)} replies that were on disk were asked for again"
    assert set(received[undisturbed:]) == set(request_of.values())
    final = rows(tmp_path / "out")
    assert len(final) == len(documents) == len({row["key"] for row in final})
    # lost were at most the replies in flight, and those that had arrived with them
    repeats = server.answered.total() - 2 * len(documents)
    print(f"{repeats} answers repeated after {KILLS} kills")
    assert 0 <= repeats <= 2 * CONCURRENCY * KILLS


def kill_often(same: list[str], out: Path, server: Served) -> list[tuple[int, set[str]]]:
    """Kill the command again and again; return after each kill what was received and kept."""
    rng = random.Random(20)
    kept: list[tuple[int, set[str]]] = []
    for number in range(KILLS):
        before = names(out)
        # every fifth kill falls into the start, the others into the generation
        start = number % 5 == 4
        seconds = rng.uniform(0, 3) if start else rng.uniform(0, 0.4)
        killed_at(same, seconds, (lambda: True) if start else (lambda n=before: names(out) > n))
        now = names(out)
        assert now >= before, f"kill {number} lost {sorted(before - now)}"
        print(f"kill {number} after {seconds:.3f} s: {len(before)} -> {len(now)} replies")
        kept.append((len(server.received), now))
    assert len({len(on_disk) for _, on_disk in kept}) > KILLS / 2
    return kept


@pytest.mark.slow
def test_a_model_in_process_killed_five_times_gives_the_same_bytes(
    cli, tiny_student: Path, tmp_path: Path
) -> None:
    def command(out: Path) -> list[str]:
        return ["generate", "--teacher", "hf", "--teacher_args", f"pretrained={tiny_student}",
                "dtype=float32", "name=tiny", "--languages", "id", "--strategies", "respond",
                "--limit", "40", "--chunk_size", "4", "--gen_kwargs", "max_gen_toks=24",
                "--checks", "language=false", "contamination=0", "--device", "cpu",
                "--max_attempts", "2", "--output_path", str(out)]  # fmt: skip

    whole, out = tmp_path / "whole", tmp_path / "out"
    done = cli(*command(whole))
    assert done.returncode == 0, done.stderr
    rng = random.Random(5)
    for number in range(5):
        before = len(rows(out))
        seconds = rng.uniform(0, 0.4)
        killed_at(command(out), seconds, lambda n=before: len(rows(out)) > n)  # type: ignore[misc]
        print(f"kill {number} after {seconds:.3f} s: {before} -> {len(rows(out))} replies")
    done = cli(*command(out))
    assert done.returncode == 0, done.stderr
    assert outcomes(out) == outcomes(whole)

    def by_key(folder: Path) -> dict[str, Any]:
        return {row["key"]: json.dumps(row, sort_keys=True) for row in rows(folder)}

    assert by_key(out) == by_key(whole)
    # rows come by whole chunks of four, or a torn chunk was made anew
    assert len(rows(out)) - len(rows(whole)) <= 5 * 3
