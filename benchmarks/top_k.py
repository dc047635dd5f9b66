"""Claim: with a large vocabulary on a CPU, sampling with top_k is cheaper than with top_p.

top_p=0.9 sorts the whole vocabulary for every token, top_k=40 only looks for the 40 best. Measured
through transformers' ``generate`` with Gemma-3-270M (vocabulary 262,144): 12 prompts in one batch,
16 new tokens each; greedy shows what is left without sampling. Then the two filters alone. The two
do not sample from the same distribution: this is the price of a choice, not a free gain.

    python benchmarks/top_k.py [--repeats 3]
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from _timing import interleave, machine, report

PROMPTS, TOKENS = 12, 16
SETTINGS: dict[str, dict[str, Any]] = {
    "top_k=40": {"do_sample": True, "temperature": 0.8, "top_k": 40, "top_p": 1.0},
    "top_p=0.9": {"do_sample": True, "temperature": 0.8, "top_k": 0, "top_p": 0.9},
    "greedy": {"do_sample": False, "top_k": None, "top_p": None},
}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    print(machine())
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.generation import TopKLogitsWarper, TopPLogitsWarper

    from polyglot_harness.languages import load_pack
    from polyglot_harness.models import resolve

    folder = resolve("gemma-3-270m")
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    prompts = [seed.prompt for seed in load_pack("de").seeds[:PROMPTS]]
    batch = tokenizer(prompts, return_tensors="pt", padding=True)
    length = {"max_new_tokens": TOKENS, "min_new_tokens": TOKENS}

    def generate(name: str) -> None:
        torch.manual_seed(0)
        found = model.generate(**batch, **length, **SETTINGS[name])
        if found.shape[1] - batch["input_ids"].shape[1] != TOKENS:
            raise SystemExit(f"{name}: not {TOKENS} new tokens")

    with torch.inference_mode():
        model.generate(**batch, max_new_tokens=2, do_sample=False)  # warm-up
        runs = interleave({name: partial(generate, name) for name in SETTINGS}, repeats)
        report(f"generate: {PROMPTS} prompts x {TOKENS} new tokens", runs, "top_k=40")
        logits = model(**batch).logits[:, -1]
        filters = {"top_k=40": TopKLogitsWarper(40), "top_p=0.9": TopPLogitsWarper(0.9)}
        runs = interleave(
            {n: partial(f, batch["input_ids"], logits) for n, f in filters.items()}, 5 * repeats
        )
        report(f"the filter alone, one step: {tuple(logits.shape)} logits", runs, "top_k=40")


if __name__ == "__main__":
    main()
