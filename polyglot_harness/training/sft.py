"""Supervised fine-tuning of a student: TRL's SFTTrainer with a PEFT LoRA adapter.

The loss is on the response only. The order of the examples, the adapter's start and every draw
are seeded, so the same data give the same adapter on the same machine. A killed training resumes
from its last complete checkpoint and goes on as if it had not been killed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError, MissingDependency, StageError
from polyglot_harness.reporting import Progress, ignore
from polyglot_harness.spec import Example, Recipe, StudentCard

ADAPTER = "adapter"
CHECKPOINTS = "checkpoints"
CURVE = "loss_curve.json"


def train(
    examples: Sequence[Example],
    student: StudentCard,
    recipe: Recipe,
    folder: Path,
    *,
    pretrained: str,
    seed: int,
    device: str | None = None,
    progress: Progress = ignore,
) -> dict[str, Any]:
    """Train an adapter into ``<folder>/adapter`` and write the loss curve beside it.

    Args:
        examples: Training examples, in order of `data.choose`.
        student: The base model's card.
        recipe: Hyperparameters.
        folder: Where adapter, tokenizer, checkpoints and curve go.
        pretrained: What the card's `pretrained` resolved to (a path or a hub name).
        seed: Seed of all draws.
        device: ``cpu`` forces the CPU; None takes what is there.
        progress: Called after each step, with (steps done, steps in all).

    Returns:
        Counts: examples, too_long, steps, tokens, final loss.

    Raises:
        ConfigError: If the model has none of the modules that LoRA is to adapt.
        StageError: If there is nothing to train on, or memory runs out.
        MissingDependency: If trl or peft is not installed.
    """
    try:
        from peft import LoraConfig
        from transformers.trainer_callback import PrinterCallback
        from trl import SFTConfig, SFTTrainer
    except ImportError as error:
        raise MissingDependency(error.name or "trl", "train") from None
    tokenizer = _tokenizer(pretrained, student)
    kept = [e for e in examples if _length(tokenizer, e) <= recipe.max_length]
    if not kept:
        raise StageError(
            f"student {student.name}: no example to train on "
            f"({len(examples)} given, {len(examples) - len(kept)} longer than "
            f"max_length={recipe.max_length} tokens)"
        )
    config = SFTConfig(**_arguments(recipe, folder, seed, device))
    modules = list(student.target_modules or recipe.target_modules)
    lora = LoraConfig(
        r=recipe.lora_r,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=modules,
        task_type="CAUSAL_LM",
    )
    try:
        trainer = SFTTrainer(
            model=_model(pretrained, student, seed),
            args=config,
            train_dataset=_dataset(kept),
            processing_class=tokenizer,
            peft_config=lora,
            callbacks=[_progress_callback(progress)],
        )
    except ValueError as error:
        if "target modules" not in str(error).lower():
            raise
        raise ConfigError(
            f"student {student.name}: it has none of the modules {', '.join(modules)}; "
            "name those of its architecture as target_modules in its card or in --student_args"
        ) from error
    trainer.remove_callback(PrinterCallback)  # the progress shown is ours
    try:
        trainer.train(resume_from_checkpoint=_last_checkpoint(folder / CHECKPOINTS))
    except (RuntimeError, MemoryError) as error:
        if "out of memory" in str(error).lower() or isinstance(error, MemoryError):
            raise StageError(
                f"student {student.name}: out of memory; lower micro_batch_size "
                f"(now {recipe.micro_batch_size}) or max_length (now {recipe.max_length})"
            ) from error
        raise
    return _finish(trainer, tokenizer, folder, given=len(examples), kept=len(kept))


def _finish(trainer: Any, tokenizer: Any, folder: Path, *, given: int, kept: int) -> dict[str, Any]:
    """Save adapter, tokenizer and curve; checkpoints are not needed any more."""
    trainer.save_model(str(folder / ADAPTER))
    tokenizer.save_pretrained(str(folder / ADAPTER))
    history = [row for row in trainer.state.log_history if "loss" in row]
    curve = [{"step": row["step"], "loss": row["loss"]} for row in history]
    (folder / CURVE).write_text(json.dumps(curve, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    return {
        "examples": kept,
        "too_long": given - kept,
        "steps": trainer.state.global_step,
        "tokens": int(history[-1].get("num_tokens", 0)) if history else 0,
        "first_loss": curve[0]["loss"] if curve else None,
        "final_loss": curve[-1]["loss"] if curve else None,
    }


def _tokenizer(pretrained: str, student: StudentCard) -> Any:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(pretrained, revision=student.revision or None)
    if student.chat_template:
        tokenizer.chat_template = student.chat_template
    if not tokenizer.chat_template:
        raise StageError(
            f"student {student.name}: its tokenizer has no chat template; "
            "give one as chat_template in the student card or in --student_args"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _model(pretrained: str, student: StudentCard, seed: int) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, set_seed

    set_seed(seed)
    dtype = getattr(torch, student.dtype)
    return AutoModelForCausalLM.from_pretrained(
        pretrained, dtype=dtype, revision=student.revision or None
    )


def _length(tokenizer: Any, example: Example) -> int:
    messages = [
        {"role": "user", "content": example.prompt},
        {"role": "assistant", "content": example.response},
    ]
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    return len(tokenizer(text, add_special_tokens=False)["input_ids"])


def _dataset(examples: Sequence[Example]) -> Any:
    from datasets import Dataset

    rows = [
        {
            "prompt": [{"role": "user", "content": e.prompt}],
            "completion": [{"role": "assistant", "content": e.response}],
        }
        for e in examples
    ]
    return Dataset.from_list(rows)


def _arguments(recipe: Recipe, folder: Path, seed: int, device: str | None) -> dict[str, Any]:
    # nothing is ever sent anywhere from here
    os.environ.setdefault("WANDB_DISABLED", "true")
    return {
        "output_dir": str(folder / CHECKPOINTS),
        "num_train_epochs": recipe.epochs,
        "per_device_train_batch_size": recipe.micro_batch_size,
        "gradient_accumulation_steps": max(1, recipe.batch_size // recipe.micro_batch_size),
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": recipe.scheduler,
        "warmup_steps": recipe.warmup_steps,
        "weight_decay": recipe.weight_decay,
        "max_length": recipe.max_length,
        "completion_only_loss": True,
        "seed": seed,
        "data_seed": seed,
        "logging_steps": 1,
        "logging_first_step": True,
        "save_strategy": "steps",
        "save_steps": recipe.save_steps,
        "save_total_limit": 2,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": device == "cpu",
        "bf16": False,
        "gradient_checkpointing": False,
        "dataloader_pin_memory": False,
    }


def _last_checkpoint(folder: Path) -> str | None:
    """Return the newest complete checkpoint; ``trainer_state.json`` is what a save writes last."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[-1]))
    for checkpoint in reversed(found):
        try:
            json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError):
            shutil.rmtree(checkpoint)
            continue
        return str(checkpoint)
    return None


def _progress_callback(progress: Progress) -> Any:
    from transformers import TrainerCallback

    class Report(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            progress(state.global_step, state.max_steps)

    return Report()
