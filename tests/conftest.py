"""What all tests share. Everything runs offline, on the CPU, on two cores that may be busy."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# before torch is imported: waiting threads must not spin (see polyglot_harness.cli.main)
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TQDM_DISABLE"] = "1"
# in CI a trusted pack is refused; tests of packs with code choose for themselves where they are
os.environ.pop("CI", None)

# the clock of a busy machine decides nothing, and the same examples are tried each time
settings.register_profile(
    "busy", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """The command line silences logs for its whole process; tests call it in theirs."""
    before = logging.root.manager.disable
    yield
    logging.disable(before)


Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def cli() -> Cli:
    """Run the command line in a process of its own."""

    def run(*arguments: object, cwd: Path | None = None, timeout: int = 900, **env: str):
        return subprocess.run(
            [sys.executable, "-m", "polyglot_harness", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=cwd,
            env={**os.environ, "COLUMNS": "140", **env},
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def tiny_student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of 3 M parameters with SmolLM2's tokenizer: for speed, not for claims."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from polyglot_harness.models import resolve

    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = AutoTokenizer.from_pretrained(resolve("smollm2-135m-instruct"))
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
