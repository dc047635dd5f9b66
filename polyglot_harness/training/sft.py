"""Supervised fine-tuning of a student: TRL's SFTTrainer with a PEFT LoRA adapter.

The loss is on the response only. The order of the examples, the adapter's start and every draw
are seeded, so the same data give the same adapter on the same machine. A killed training resumes
from its last complete checkpoint and goes on as if it had not been killed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError, MissingDependency, StageError
from polyglot_harness.reporting import Progress, ignore
from polyglot_harness.spec import Example, Recipe, StudentCard, TrainingOptions
from polyglot_harness.training.arguments import trainer_arguments
from polyglot_harness.training.base import load_model, load_tokenizer, lora, modules_of
from polyglot_harness.training.checkpoints import CHECKPOINTS, last_checkpoint
from polyglot_harness.training.guards import guarded, progress_callback
from polyglot_harness.training.outputs import finish


def train(
    examples: Sequence[Example],
    student: StudentCard,
    recipe: Recipe,
    folder: Path,
    *,
    pretrained: str,
    seed: int,
    device: str | None = None,
    adapter: Path | None = None,
    options: TrainingOptions | None = None,
    progress: Progress = ignore,
) -> dict[str, Any]:
    """Train a student into ``<folder>/adapter`` (or ``model``), with the loss curve beside it.

    Args:
        examples: Training examples, in order of `data.choose`.
        student: The base model's card.
        recipe: Hyperparameters.
        folder: Where adapter, tokenizer, checkpoints and curve go.
        pretrained: What the card's `pretrained` resolved to (a path or a hub name).
        seed: Seed of all draws.
        device: ``cpu`` forces the CPU; None takes what is there.
        adapter: Of an earlier training, merged before this one begins.
        options: How it is run and kept.
        progress: Called after each step, with (steps done, steps in all).

    Returns:
        Counts: examples, too_long, steps, tokens, final loss.

    Raises:
        ConfigError: If the model has none of the modules that LoRA is to adapt.
        StageError: If there is nothing to train on, or memory runs out.
        MissingDependency: If trl or peft is not installed.
    """
    try:
        from transformers.trainer_callback import PrinterCallback
        from trl import SFTConfig, SFTTrainer
    except ImportError as error:
        raise MissingDependency(error.name or "trl", "train") from None
    tokenizer = load_tokenizer(pretrained, student)
    kept = [e for e in examples if _length(tokenizer, e) <= recipe.max_length]
    if not kept:
        raise StageError(
            f"student {student.name}: no example to train on "
            f"({len(examples)} given, {len(examples) - len(kept)} longer than "
            f"max_length={recipe.max_length} tokens)"
        )
    arguments = trainer_arguments(recipe, folder / CHECKPOINTS, seed=seed, device=device)
    try:
        trainer = SFTTrainer(
            model=load_model(
                pretrained, student, recipe, seed=seed, device=device, adapter=adapter
            ),
            args=SFTConfig(**arguments, completion_only_loss=True),
            train_dataset=_dataset(kept),
            processing_class=tokenizer,
            peft_config=lora(student, recipe),
            callbacks=[progress_callback(progress)],
        )
    except ValueError as error:
        if "target modules" not in str(error).lower():
            raise
        raise ConfigError(
            f"student {student.name}: it has none of the modules "
            f"{', '.join(modules_of(student, recipe))}; name those of its architecture as "
            "target_modules in its card or in --student_args"
        ) from error
    trainer.remove_callback(PrinterCallback)  # the progress shown is ours
    with guarded(student, recipe):
        trainer.train(resume_from_checkpoint=last_checkpoint(folder / CHECKPOINTS))
    counts = finish(trainer, tokenizer, folder, options or TrainingOptions())
    return {"examples": len(kept), "too_long": len(examples) - len(kept), **counts}


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
