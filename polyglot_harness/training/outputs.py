"""What a training leaves: weights, tokenizer, loss curve, model card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from polyglot_harness.spec import TrainingOptions
from polyglot_harness.training.checkpoints import CHECKPOINTS

ADAPTER, MODEL = "adapter", "model"
"""Folders of the weights: of an adapter alone, or of a whole model (merged, or all trained)."""
CURVE = "loss_curve.json"


def finish(trainer: Any, tokenizer: Any, folder: Path, options: TrainingOptions) -> dict[str, Any]:
    """Save what was trained; checkpoints are not needed any more.

    Args:
        trainer: A TRL trainer that is done.
        tokenizer: With its chat template.
        folder: The stage's; gets `ADAPTER` or `MODEL`, and `CURVE`.
        options: Whether an adapter is merged.

    Returns:
        Counts: steps, tokens, first and final loss.
    """
    trainer.save_model(str(folder / ADAPTER))
    tokenizer.save_pretrained(str(folder / ADAPTER))
    history = [row for row in trainer.state.log_history if "loss" in row]
    curve = [{"step": row["step"], "loss": row["loss"]} for row in history]
    (folder / CURVE).write_text(json.dumps(curve, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    return {
        "steps": trainer.state.global_step,
        "tokens": int(history[-1].get("num_tokens", 0)) if history else 0,
        "first_loss": curve[0]["loss"] if curve else None,
        "final_loss": curve[-1]["loss"] if curve else None,
    }
