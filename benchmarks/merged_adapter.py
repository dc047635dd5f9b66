"""Claim: a merged LoRA adapter makes lm-eval's ``hf`` faster and leaves the scores as they are.

Ours is ``polyglot_harness.lm.load.load_lm`` with ``peft=DIR``, which merges; the other is lm-eval's
own ``hf`` with the same arguments, which applies the adapter anew in every layer and step. The
adapter (r 16 on q, k, v, o, gate, up and down of SmolLM2-135M, random) is made in a temporary
folder. Measured: 16 prompts with 32 new tokens each, greedy, and 32 log-likelihoods, batches of 8.

    python benchmarks/merged_adapter.py [--repeats 3] [--device cpu]
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from typing import Any

from _timing import interleave, machine, report

MODEL = "smollm2-135m-instruct"
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def make_adapter(folder: str) -> None:
    """Write a random adapter whose B is not zero, but small: the model still writes text."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from polyglot_harness.models import resolve

    torch.manual_seed(0)
    config = LoraConfig(r=16, lora_alpha=32, target_modules=TARGETS, task_type="CAUSAL_LM")
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(resolve(MODEL)), config)
    for name, weights in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=0.002)
    model.save_pretrained(folder)


def make_requests() -> tuple[list[Any], list[Any]]:
    """Return requests to generate, and requests for log-likelihoods, from the packs' seeds."""
    from lm_eval.api.instance import Instance

    from polyglot_harness.languages import load_pack

    seeds = [seed for code in ("es", "de") for seed in load_pack(code).seeds[:16]]
    settings = {"until": [], "max_gen_toks": 32, "do_sample": False}
    generate = [
        Instance("generate_until", {}, (seed.prompt, dict(settings)), i)
        for i, seed in enumerate(seeds[:16])
    ]
    score = [
        Instance("loglikelihood", {}, (seed.prompt, " " + seed.response), i)
        for i, seed in enumerate(seeds)
    ]
    return generate, score


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    print(machine())
    from lm_eval.api.registry import get_model

    from polyglot_harness.lm.load import load_lm, resolve_args

    generate, score = make_requests()
    with tempfile.TemporaryDirectory() as folder:
        make_adapter(folder)
        model_args = {"pretrained": MODEL, "peft": folder, "dtype": "float32"}
        lms = {
            "ours (merged)": load_lm("hf", model_args, batch_size="8", device=args.device),
            "lm-eval (unmerged)": get_model("hf").create_from_arg_obj(
                resolve_args(model_args), {"batch_size": 8, "device": args.device}
            ),
        }
        texts: dict[str, list[str]] = {}
        scores: dict[str, list[tuple[float, bool]]] = {}

        def write(name: str) -> None:
            texts[name] = lms[name].generate_until(generate, disable_tqdm=True)

        def read(name: str) -> None:
            scores[name] = lms[name].loglikelihood(score, disable_tqdm=True)

        for title, call in (("16 x 32 new tokens", write), ("32 log-likelihoods", read)):
            runs = interleave({name: partial(call, name) for name in lms}, args.repeats)
            report(title, runs, "ours (merged)")
    same = sum(a == b for a, b in zip(*texts.values(), strict=True))
    pairs = [(a[0], b[0]) for a, b in zip(*scores.values(), strict=True)]
    worst = max(abs(a - b) for a, b in pairs)
    print(f"\n  same text: {same} of {len(generate)}")
    print(f"  largest difference in log-likelihood: {worst:.1e}", end=" ")
    print(f"(log-likelihoods from {min(pairs)[0]:.0f} to {max(pairs)[0]:.0f})")


if __name__ == "__main__":
    main()
