"""From a recipe to the arguments of TRL's trainers."""

from __future__ import annotations

import math
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError, MissingDependency
from polyglot_harness.spec import Recipe, StudentCard, TrainingOptions
from polyglot_harness.training.precision import precision

PROJECT = "polyglot-harness"


def trainer_arguments(
    recipe: Recipe,
    checkpoints: Path,
    *,
    seed: int,
    device: str | None,
    student: StudentCard | None = None,
    options: TrainingOptions | None = None,
) -> dict[str, Any]:
    """Return what SFTConfig and DPOConfig have in common.

    Args:
        recipe: Hyperparameters.
        checkpoints: Where checkpoints go.
        seed: Of all draws.
        device: ``cpu`` forces the CPU; None takes what is there.
        student: Its `dtype` decides what a GPU computes in; without it, float32.
        options: Where the training is logged.

    Raises:
        ConfigError: If `batch_size` is no multiple of `micro_batch_size`.
        MissingDependency: If what logs the training is not installed.
    """
    micro = micro_batch_size(recipe)
    autocast = precision(student, recipe, device).autocast if student else ""
    return {
        "output_dir": str(checkpoints),
        "num_train_epochs": recipe.epochs,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": recipe.batch_size // micro,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": recipe.scheduler,
        "warmup_steps": recipe.warmup_steps,
        "weight_decay": recipe.weight_decay,
        "max_length": recipe.max_length,
        "seed": seed,
        "data_seed": seed,
        "logging_steps": 1,
        "logging_first_step": True,
        # a loss that is no number is not to be replaced by a mean
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": recipe.save_steps,
        "save_total_limit": 2,
        **_reporting((options or TrainingOptions()).report_to, checkpoints.parent.name),
        "disable_tqdm": True,
        "use_cpu": device == "cpu",
        "bf16": autocast == "bf16",
        "fp16": autocast == "fp16",
        "gradient_checkpointing": recipe.gradient_checkpointing,
        "dataloader_pin_memory": False,
    }


def shorten_warmup(trainer: Any) -> None:
    """End the warm-up before the last step: its first step has a learning rate of 0.

    A training of one step would otherwise learn nothing.

    Args:
        trainer: One of TRL's, not yet trained.
    """
    args = trainer.args
    batch = args.per_device_train_batch_size * args.gradient_accumulation_steps
    steps = math.ceil(args.num_train_epochs * math.ceil(len(trainer.train_dataset) / batch))
    args.warmup_steps = min(args.warmup_steps, steps - 1)


def micro_batch_size(recipe: Recipe) -> int:
    """Return how many examples are in memory together: never more than a batch.

    Raises:
        ConfigError: If `batch_size` is no multiple of it.
    """
    micro = min(recipe.micro_batch_size, recipe.batch_size)
    if recipe.batch_size % micro:
        valid = [n for n in range(1, recipe.batch_size + 1) if recipe.batch_size % n == 0]
        raise ConfigError(
            f"recipe {recipe.name}: batch_size {recipe.batch_size} is no multiple of "
            f"micro_batch_size {micro}; valid micro_batch_size: {', '.join(map(str, valid))}"
        )
    return micro


def _reporting(report_to: str, name: str) -> dict[str, Any]:
    if report_to == "none":
        return {"report_to": "none"}
    if find_spec(report_to) is None:
        raise MissingDependency(report_to, report_to)
    os.environ.setdefault("WANDB_PROJECT", PROJECT)
    # trackio without a space writes to the local disk only
    return {"report_to": report_to, "run_name": name, "project": PROJECT, "trackio_space_id": None}
