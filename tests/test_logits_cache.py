"""Scores do not depend on which tasks are evaluated together.

lm-eval 0.4.13 with its cache of logits takes a sentence for the same one after a context, where the
tokenizer begins both with a special token, as Gemma's does.
"""

from __future__ import annotations

import pytest

from polyglot_harness.lm.evaluate import read_items

TASKS = tuple(f"polyglot_mini_en_{name}" for name in ("continuation", "agreement", "word_order"))


@pytest.fixture(scope="module")
def tiny_gemma(tmp_path_factory):
    """A random model with Gemma's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from polyglot_harness.models import resolve

    folder = tmp_path_factory.mktemp("models") / "tiny-gemma"
    tokenizer = AutoTokenizer.from_pretrained(resolve("gemma-3-270m"))
    assert tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=512,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id, initializer_range=0.3,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def scores(cli, model, folder, tasks) -> dict[str, float]:
    done = cli(
        "evaluate", "--languages", "en", "--tasks", ",".join(tasks), "--eval_limit", "60",
        "--student_args", f"pretrained={model}", "name=tiny", "--device", "cpu",
        "--output_path", folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (items,) = folder.glob("evaluate/*/items.jsonl")
    return read_items(items)[TASKS[0]]


def test_continuations_score_alone_as_in_company(cli, tiny_gemma, tmp_path):
    alone = scores(cli, tiny_gemma, tmp_path / "alone", TASKS[:1])
    together = scores(cli, tiny_gemma, tmp_path / "together", TASKS)
    assert len(alone) == 60 and 0 < sum(alone.values()) < 60
    assert together == alone
