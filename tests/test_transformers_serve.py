"""A real server with real weights: ``transformers serve`` and SmolLM2, over HTTP."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import rows

from polyglot_harness.models import resolve

MISSING = [name for name in ("fastapi", "uvicorn", "openai") if not importlib.util.find_spec(name)]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"transformers serve needs {', '.join(MISSING)} (transformers[serving])"
)
BUDGET = 12
"""Tokens of a reply."""


@pytest.fixture(scope="module")
def model() -> str:
    return resolve("smollm2-135m-instruct")


@pytest.fixture(scope="module")
def base_url(model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for the module; killed at the end, whatever happened."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log.txt"
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", model, "--device",
               "cpu", "--dtype", "float32", "--host", "127.0.0.1", "--port", str(port)]  # fmt: skip
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=os.environ)
    try:
        deadline = time.monotonic() + 180
        while not answers(f"http://127.0.0.1:{port}/health"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


@pytest.fixture(scope="module")
def tokenizer(model: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model)


def command(out: Path, kind: str, args: str, *more: str) -> list[str]:
    return ["generate", "--teacher", kind, "--teacher_args", args, "name=smol", "--languages", "es",
            "--strategies", "respond", "--limit", "3", "--checks", "contamination=0",
            "--gen_kwargs", f"max_gen_toks={BUDGET}", "temperature=0.5", "--concurrency", "2",
            "--output_path", str(out), *more]  # fmt: skip


def check(found: list[dict[str, Any]], tokenizer: Any) -> None:
    """Check what is recorded of replies against the tokenizer."""
    assert len(found) == 3
    for row in found:
        assert row["reply"].strip() and not row["error"] and row["tries"] == 1
        assert row["finish_reason"] in ("stop", "length") and not row["estimated"]
        assert (row["tokens_out"] == BUDGET) == (row["finish_reason"] == "length")
        counted = len(tokenizer.encode(row["reply"], add_special_tokens=False))
        assert abs(counted - row["tokens_out"]) <= 2  # decoding and encoding again may differ


@pytest.mark.parametrize(
    ("kind", "path"),
    [("openai-compatible", ""), ("local-chat-completions", "/chat/completions")],
)
def test_chat(
    cli, base_url: str, model: str, tokenizer: Any, tmp_path: Path, kind: str, path: str
) -> None:
    done = cli(*command(tmp_path, kind, f"model={model},base_url={base_url}{path}"))
    assert done.returncode == 0, done.stderr
    found = rows(tmp_path)
    check(found, tokenizer)
    from polyglot_harness.languages import load_pack

    prompts = {seed.id: seed.prompt for seed in load_pack("es").seeds}
    for row in found:
        # the server applied the model's own chat template to our message
        message = [{"role": "user", "content": prompts[row["seed_id"]]}]
        tokens = tokenizer.apply_chat_template(
            message, add_generation_prompt=True, return_dict=False
        )
        assert row["tokens_in"] == len(tokens)
    again = cli(*command(tmp_path, kind, f"model={model},base_url={base_url}{path}"))
    assert "found finished" in again.stderr


def test_completions_of_a_base_model(
    cli, base_url: str, model: str, tokenizer: Any, tmp_path: Path
) -> None:
    args = f"model={model},base_url={base_url}/completions,form=completion"
    done = cli(*command(tmp_path, "local-completions", args))
    assert done.returncode == 0, done.stderr
    found = rows(tmp_path)
    check(found, tokenizer)
    assert all(row["tokens_in"] > 200 for row in found)  # three examples stand in the prompt
    made = [
        json.loads(line)
        for path in tmp_path.glob("generate/*/examples.jsonl")
        for line in path.read_bytes().split(b"\n")[:-1]
    ]
    assert not any("\n\n" in row["response"] for row in made)


def test_a_stop_sequence_ends_a_reply(
    cli, base_url: str, model: str, tokenizer: Any, tmp_path: Path
) -> None:
    args = f"model={model},base_url={base_url}"
    stop = ("--gen_kwargs", "max_gen_toks=64", "temperature=0", "until=[' ']")
    done = cli(*command(tmp_path, "openai-compatible", args, *stop))
    assert done.returncode == 0, done.stderr
    assert {row["finish_reason"] for row in rows(tmp_path)} == {"stop"}
    assert all(row["tokens_out"] < 20 for row in rows(tmp_path))


def test_another_models_name_is_the_servers_own_words(cli, base_url: str, tmp_path: Path) -> None:
    """More than four requests: so many refusals are no accident."""
    args = f"model=no/such-model,base_url={base_url},max_retries=0"
    done = cli(*command(tmp_path, "openai-compatible", args, "--limit", "6"))
    assert done.returncode == 4
    (line,) = done.stderr.splitlines()
    assert "no/such-model" in line and rows(tmp_path)[0]["error"].split(":")[0] in line
