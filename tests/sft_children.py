"""Trainings in processes of their own, to be killed, starved of memory, or kept from the disk.

One interpreter loads torch and trl once, and forks for each job before either has done anything.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from polyglot_harness.spec import Example, TrainingOptions
from polyglot_harness.students import load_recipe, load_student

SEED = 3
BASE = {"batch_size": 2, "micro_batch_size": 2, "save_steps": 2, "lora_dropout": 0.1}
WORDS = (
    "air mata api tanah gunung laut sungai hutan bulan bintang awan hujan angin batu kayu".split()
)


def make_model(folder: Path, **config: Any) -> Path:
    """Write a random Llama of two layers with a small byte-level vocabulary: fast, no claims."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = ByteLevelBPETokenizer()
    special = ["<|im_end|>", "<|im_start|>", "<|pad|>"]
    bpe.train_from_iterator([" ".join(WORDS)], 300, special_tokens=special, show_progress=False)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe._tokenizer, eos_token="<|im_end|>", pad_token="<|pad|>"
    )
    torch.manual_seed(0)
    sizes = {
        "vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 64,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "max_position_embeddings": 512, "bos_token_id": None, "eos_token_id": 0, "pad_token_id": 2,
        "initializer_range": 0.2,
    }  # fmt: skip
    LlamaForCausalLM(LlamaConfig(**{**sizes, **config})).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def examples(n: int, length: int = 8) -> list[Example]:
    """Return examples of so many words, all different."""
    return [
        Example(
            id=f"id-{i:03d}", language="id", strategy="respond", seed_id="s",
            prompt=f"{WORDS[i % 15]} {WORDS[i * 7 % 15]} {i}?", finish_reason="stop",
            response=" ".join(WORDS[(i * k + k) % 15] for k in range(1, length)),
        )
        for i in range(n)
    ]  # fmt: skip


def recipe(**fields: Any) -> Any:
    """Return a recipe of few, small steps."""
    return load_recipe("demo", {**BASE, **fields})


def train(job: dict[str, Any], progress: Any) -> dict[str, Any]:
    """Do a job: see `run` for its fields."""
    from polyglot_harness.training import sft

    student = load_student("smollm2-135m", {"pretrained": job["model"]})
    return sft.train(
        examples(job.get("n", 12), job.get("length", 8)),
        student,
        recipe(**job.get("recipe", {})),
        Path(job["folder"]),
        pretrained=job["model"],
        seed=SEED,
        device="cpu",
        options=TrainingOptions(**job.get("options", {})),
        progress=progress,
    )


def run(jobs: Sequence[dict[str, Any]], folder: Path) -> dict[str, dict[str, Any]]:
    """Do jobs, each in a process of its own, one after the other.

    Args:
        jobs: `name`, `model`, `folder`, `recipe`, `options`, `n` and `length` of the examples; and
            what happens: `at` step so much, `signal` is sent to the process, or it may not write
            more than `bytes` to a file; from its start, `spare` bytes of memory are left to it.
        folder: For their results.

    Returns:
        By name: `status` as of `os.waitpid`, `notes` of progress, and `counts` or `error`.
    """
    given = folder / "jobs.json"
    given.write_text(json.dumps(list(jobs)))
    done = subprocess.run(
        [sys.executable, __file__, str(given)], capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "results.json").read_text())


def _do(job: dict[str, Any], out: Path) -> None:
    notes: list[str] = []

    def progress(done: int, total: int, note: str = "") -> None:
        notes.extend([note] if note else [])
        if note or done != job.get("at"):
            return
        if "signal" in job:
            os.kill(os.getpid(), job["signal"])
        if "bytes" in job:
            resource.setrlimit(resource.RLIMIT_FSIZE, (job["bytes"], resource.RLIM_INFINITY))

    if "spare" in job:
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + job["spare"], resource.RLIM_INFINITY))
    found: dict[str, Any] = {}
    try:
        found["counts"] = train(job, progress)
    except BaseException as error:  # noqa: BLE001 - told, whatever it is
        found["error"] = [type(error).__name__, str(error)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    out.write_text(json.dumps({**found, "notes": notes}))


def _main(given: Path) -> None:
    import peft  # noqa: F401
    import torch
    import trl  # noqa: F401
    from transformers import AutoModelForCausalLM  # noqa: F401
    from trl import SFTTrainer  # noqa: F401

    torch.set_num_threads(1)
    results = {}
    for job in json.loads(given.read_text()):
        out = given.parent / f"{job['name']}.json"
        child = os.fork()
        if not child:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _do(job, out)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        results[job["name"]] = {
            "status": os.waitstatus_to_exitcode(status),
            **(json.loads(out.read_text()) if out.exists() else {}),
        }
    (given.parent / "results.json").write_text(json.dumps(results))


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
