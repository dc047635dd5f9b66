"""Claim: ``training.dpo`` costs no more than TRL's own DPOTrainer.

Ours trains with guards, curve and one checkpoint, without held-out pairs; the other is a script of
TRL and PEFT with the same arguments. Both give the same losses, or this ends with an error. Counted
are the seconds of the steps; in ours is the checkpoint at the end, so few pairs say little. Pairs
are gold responses in German (chosen) and in Spanish (rejected), cut short.

    python benchmarks/dpo_trl.py [--repeats 3] [--device cpu] [--model NAME] [--dtype float32]
                                 [--pairs 16] [--batch 4]
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from _timing import interleave, machine, report

from polyglot_harness.spec import Preference, Recipe, StudentCard

SEED = 0
MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def make_pairs(number: int) -> list[Preference]:
    """Return so many pairs, the seeds repeated if need be."""
    from polyglot_harness.languages import load_pack

    seeds = list(zip(load_pack("de").seeds, load_pack("es").seeds, strict=True))
    return [
        Preference(
            id=f"{i}",
            language="de",
            prompt=german.prompt[:200],
            chosen=german.response[: 200 + i],
            rejected=spanish.response[:200],
            chosen_reward=1,
            rejected_reward=0,
        )
        for i, (german, spanish) in ((i, seeds[i % len(seeds)]) for i in range(number))
    ]


def ours(
    losses: dict[str, Any], pairs: list[Preference], recipe: Recipe, card: StudentCard, device: str
) -> float:
    """Train by the harness; return the seconds of the steps."""
    from polyglot_harness.models import resolve
    from polyglot_harness.training import dpo
    from polyglot_harness.training.curve import read_curve

    with tempfile.TemporaryDirectory() as folder:
        counts = dpo.train(
            pairs, card, recipe, Path(folder),
            pretrained=resolve(card.pretrained), seed=SEED, device=device,
        )  # fmt: skip
        losses["ours"] = [row["loss"] for row in read_curve(Path(folder))]
    print(f"  ours: {counts['tokens_per_second']} tokens/s, {counts['peak_megabytes']} MB at most")
    return float(counts["seconds"])


def theirs(
    losses: dict[str, Any], pairs: list[Preference], recipe: Recipe, card: StudentCard, device: str
) -> float:
    """Train by TRL alone; return the seconds of the steps."""
    import time

    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    from polyglot_harness.models import resolve

    name = resolve(card.pretrained)
    with tempfile.TemporaryDirectory() as folder:
        trainer = DPOTrainer(
            model=AutoModelForCausalLM.from_pretrained(name, dtype=getattr(torch, card.dtype)),
            args=DPOConfig(
                output_dir=folder, num_train_epochs=recipe.epochs, beta=recipe.beta,
                per_device_train_batch_size=recipe.micro_batch_size,
                gradient_accumulation_steps=recipe.batch_size // recipe.micro_batch_size,
                learning_rate=recipe.learning_rate, lr_scheduler_type=recipe.scheduler,
                warmup_steps=recipe.warmup_steps, weight_decay=recipe.weight_decay,
                max_length=recipe.max_length, seed=SEED, data_seed=SEED, logging_steps=1,
                save_strategy="no", report_to="none", disable_tqdm=True, use_cpu=device == "cpu",
                bf16=card.dtype == "bfloat16" and device != "cpu", gradient_checkpointing=False,
            ),
            train_dataset=Dataset.from_list(
                [
                    {
                        "prompt": [{"role": "user", "content": p.prompt}],
                        "chosen": [{"role": "assistant", "content": p.chosen}],
                        "rejected": [{"role": "assistant", "content": p.rejected}],
                    }
                    for p in pairs
                ]
            ),
            processing_class=AutoTokenizer.from_pretrained(name),
            peft_config=LoraConfig(
                r=recipe.lora_r, lora_alpha=recipe.lora_alpha, target_modules=list(MODULES),
                task_type="CAUSAL_LM",
            ),
        )  # fmt: skip
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
    losses["trl"] = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    return seconds


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--pairs", type=int, default=16)
    parser.add_argument("--batch", type=int, default=4)
    args = parser.parse_args()
    print(machine())
    card = StudentCard(name="student", pretrained=args.model, dtype=args.dtype)
    recipe = Recipe(
        name="benchmark", method="dpo", target_modules=MODULES, lora_alpha=32, learning_rate=5e-6,
        epochs=1, batch_size=args.batch, micro_batch_size=args.batch, max_length=4096,
        scheduler="cosine", warmup_steps=0.05, weight_decay=0.01, save_steps=10**6,
    )  # fmt: skip
    losses: dict[str, Any] = {}
    given = (losses, make_pairs(args.pairs), recipe, card, args.device)
    variants = {"ours": partial(ours, *given), "TRL alone": partial(theirs, *given)}
    report(f"{args.pairs} pairs", interleave(variants, args.repeats, own_clock=True), "ours")
    worst = max(abs(a - b) for a, b in zip(losses["ours"], losses["trl"], strict=True))
    print(f"  largest difference of a step's loss: {worst:.1e}")
    if worst > 1e-4:
        raise SystemExit("the two did not train the same")


if __name__ == "__main__":
    main()
