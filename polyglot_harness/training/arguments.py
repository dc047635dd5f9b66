"""From a recipe to the arguments of TRL's trainers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from polyglot_harness.spec import Recipe


def trainer_arguments(
    recipe: Recipe, checkpoints: Path, *, seed: int, device: str | None
) -> dict[str, Any]:
    """Return what SFTConfig and DPOConfig have in common.

    Args:
        recipe: Hyperparameters.
        checkpoints: Where checkpoints go.
        seed: Of all draws.
        device: ``cpu`` forces the CPU; None takes what is there.
    """
    # nothing is ever sent anywhere from here
    os.environ.setdefault("WANDB_DISABLED", "true")
    return {
        "output_dir": str(checkpoints),
        "num_train_epochs": recipe.epochs,
        "per_device_train_batch_size": recipe.micro_batch_size,
        "gradient_accumulation_steps": max(1, recipe.batch_size // recipe.micro_batch_size),
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": recipe.scheduler,
        "warmup_steps": recipe.warmup_steps,
        "weight_decay": recipe.weight_decay,
        "max_length": recipe.max_length,
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
