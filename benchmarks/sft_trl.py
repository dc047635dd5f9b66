"""Claim: a training here has at least 0.97 of the tokens/s of a bare script with TRL's SFTTrainer.

Ours is ``polyglot_harness.training.sft.train``, with all its guards and counts; the other is what
one would write by hand with the same arguments: load, tokenise and train by SFTTrainer, save. Both
get the same examples (gold data of the packs), the same model and the same seed, so both do the
same steps; their losses are compared. They take turns in one process, after a step of each that is
not counted. Tokens/s are of the loop of steps alone, by the wall; the seconds of the whole, with
loading, tokenising and saving, are the processor's on a CPU and the wall's on a GPU. Peak memory is
the process's on a CPU (all that lies in it, torch too) and the allocator's on a GPU.

    python benchmarks/sft_trl.py [--model smollm2-135m-instruct] [--device cpu] [--examples 24]
        [--repeats 3] [--tuning lora] [--dtype bfloat16] [--micro_batch_size 4] [--packing]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from _timing import machine, ratios, report

from polyglot_harness.languages import load_pack, pack_folders
from polyglot_harness.models import resolve
from polyglot_harness.spec import Example, Recipe, StudentCard
from polyglot_harness.students import load_recipe, load_student
from polyglot_harness.training import sft
from polyglot_harness.training.data import choose, gold_examples
from polyglot_harness.training.usage import Usage

OURS, BARE = "ours", "bare TRL"
SEED = 1
Run = Callable[[list[Example], Path], dict[str, Any]]


def ours(
    examples: list[Example], folder: Path, student: StudentCard, recipe: Recipe, device: str
) -> dict[str, Any]:
    """Train by us."""
    counts = sft.train(
        examples, student, recipe, folder, pretrained=resolve(student.pretrained), seed=SEED,
        device=device,
    )  # fmt: skip
    curve = json.loads((folder / "loss_curve.json").read_text())
    return {**counts, "losses": [row["loss"] for row in curve]}


def bare(
    examples: list[Example], folder: Path, student: StudentCard, recipe: Recipe, device: str
) -> dict[str, Any]:
    """Train as a script by hand would."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.trainer_callback import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    usage = Usage(device)
    on_gpu = device != "cpu"
    full = recipe.tuning == "full"
    dtype = student.dtype if on_gpu and not full else "float32"
    name = resolve(student.pretrained)
    tokenizer = AutoTokenizer.from_pretrained(name)
    tokenizer.chat_template = student.chat_template or tokenizer.chat_template
    rows = [
        {
            "prompt": [{"role": "user", "content": e.prompt}],
            "completion": [{"role": "assistant", "content": e.response}],
        }
        for e in examples
    ]
    adapter = LoraConfig(
        r=recipe.lora_r, lora_alpha=recipe.lora_alpha, lora_dropout=recipe.lora_dropout,
        target_modules=list(recipe.target_modules), task_type="CAUSAL_LM",
    )  # fmt: skip
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(name, dtype=getattr(torch, dtype)),
        args=SFTConfig(
            str(folder / "checkpoints"), num_train_epochs=recipe.epochs,
            per_device_train_batch_size=recipe.micro_batch_size,
            gradient_accumulation_steps=recipe.batch_size // recipe.micro_batch_size,
            learning_rate=recipe.learning_rate, lr_scheduler_type=recipe.scheduler,
            warmup_steps=recipe.warmup_steps, weight_decay=recipe.weight_decay,
            max_length=recipe.max_length, packing=recipe.packing, seed=SEED, data_seed=SEED,
            logging_steps=1, report_to="none", use_cpu=not on_gpu, disable_tqdm=True,
            bf16=on_gpu and student.dtype == "bfloat16", save_steps=recipe.save_steps,
            gradient_checkpointing=recipe.gradient_checkpointing, dataloader_pin_memory=False,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=None if full else adapter,
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    started = usage.seconds()
    trainer.train()
    seconds = usage.seconds() - started
    trainer.save_model(str(folder / "saved"))
    history = [row for row in trainer.state.log_history if "loss" in row]
    tokens = history[-1]["num_tokens"]
    return {
        "losses": [row["loss"] for row in history],
        "tokens": tokens,
        "tokens_per_second": tokens / seconds,
        "peak_megabytes": usage.peak_megabytes(),
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="bfloat16", help="of a GPU; a CPU has float32")
    parser.add_argument("--tuning", default="lora", choices=("lora", "full"))
    parser.add_argument("--examples", type=int, default=24)
    parser.add_argument("--epochs", type=float, default=1)
    parser.add_argument("--micro_batch_size", type=int, default=4)
    parser.add_argument("--max_length", type=int, default=640)
    parser.add_argument("--packing", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    print(machine())
    student = load_student("smollm2-135m", {"pretrained": given.model, "dtype": given.dtype})
    recipe = load_recipe(
        "demo",
        {
            "tuning": given.tuning, "epochs": given.epochs, "packing": given.packing,
            "micro_batch_size": given.micro_batch_size, "batch_size": given.micro_batch_size,
            "max_length": given.max_length, "save_steps": 1000,
        },
    )  # fmt: skip
    gold = [e for code in sorted(pack_folders()) for e in gold_examples(load_pack(code))]
    examples = list(choose(gold, given.examples, seed=SEED))
    clock = time.process_time if given.device == "cpu" else time.perf_counter
    seconds: dict[str, list[float]] = {OURS: [], BARE: []}
    found: dict[str, list[dict[str, Any]]] = {OURS: [], BARE: []}
    sides = {OURS: ours, BARE: bare}
    for repeat in range(given.repeats + 1):
        for name in list(sides)[:: -1 if repeat % 2 else 1]:
            few = examples if repeat else examples[: given.micro_batch_size]
            with tempfile.TemporaryDirectory() as folder:
                started = clock()
                run = sides[name](few, Path(folder), student, recipe, given.device)
            if repeat:
                seconds[name].append(clock() - started)
                found[name].append(run)
    _print(given, seconds, found)


def _print(given: Any, seconds: dict[str, list[float]], found: dict[str, list[Any]]) -> None:
    report(f"{given.model}, {given.tuning}, {given.device}: the whole", seconds, OURS)
    whole = ratios(seconds, OURS, BARE)
    print(f"  of the whole, ours has {median(whole):.3f} of its speed")
    rates = {name: [run["tokens_per_second"] for run in runs] for name, runs in found.items()}
    for name, runs in found.items():
        peak = max(run["peak_megabytes"] for run in runs)
        print(
            f"  {name}: {median(rates[name]):.1f} tokens/s in the loop of {runs[0]['tokens']:.0f}"
            f" tokens, peak memory {peak} MB"
        )
    loop = [a / b for a, b in zip(rates[OURS], rates[BARE], strict=True)]
    print(f"  tokens/s, ours / bare TRL: {median(loop):.3f} ({min(loop):.3f} - {max(loop):.3f})")
    pairs = zip(found[OURS][0]["losses"], found[BARE][0]["losses"], strict=True)
    print(f"  largest difference of a step's loss: {max(abs(a - b) for a, b in pairs):.1e}")


if __name__ == "__main__":
    main()
