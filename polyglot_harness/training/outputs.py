"""What a training leaves: weights with their tokenizer, and the loss curve.

Weights are saved beside their place and moved there when they are whole: a folder that is there
is complete, whenever the process was killed.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from polyglot_harness.spec import StudentCard, TrainingOptions
from polyglot_harness.training.checkpoints import CHECKPOINTS
from polyglot_harness.training.curve import curve_of, write_curve

ADAPTER, MODEL = "adapter", "model"
"""Folders of the weights: of an adapter alone, or of a whole model (merged, or all trained)."""
UNFINISHED = "unfinished"
"""Folder of weights that are being saved."""


def finish(
    trainer: Any,
    tokenizer: Any,
    folder: Path,
    options: TrainingOptions,
    *,
    student: StudentCard | None = None,
    adapter: Path | None = None,
) -> dict[str, Any]:
    """Save what was trained; checkpoints are not needed any more.

    Args:
        trainer: A TRL trainer that is done.
        tokenizer: With its chat template.
        folder: The stage's; gets `ADAPTER` or `MODEL`, and the curve.
        options: Whether an adapter is merged.
        student: Its `dtype` is that of a whole model's weights; without it they keep theirs.
        adapter: Of an earlier training, which was merged before this one began: the base is
            nowhere on a disk, so the result is merged whatever `options` say.

    Returns:
        Counts: steps, tokens, first and final loss.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    alone = hasattr(model, "peft_config") and options.save == "adapter" and adapter is None
    unfinished, place = folder / UNFINISHED, folder / (ADAPTER if alone else MODEL)
    shutil.rmtree(unfinished, ignore_errors=True)
    if not alone:
        model = merged(model, adapter)
        if student is not None:
            import torch

            model = model.to(getattr(torch, student.dtype))
    # DPO may keep a second adapter as its reference
    model.save_pretrained(unfinished, **({"selected_adapters": ["default"]} if alone else {}))
    tokenizer.save_pretrained(unfinished)
    curve = curve_of(trainer.state.log_history)
    write_curve(curve, folder)
    shutil.rmtree(place, ignore_errors=True)
    unfinished.rename(place)
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    steps = [row for row in curve if "loss" in row]
    return {
        "steps": trainer.state.global_step,
        "tokens": int(steps[-1].get("tokens", 0)) if steps else 0,
        "first_loss": steps[0]["loss"] if steps else None,
        "final_loss": steps[-1]["loss"] if steps else None,
    }


def merged(model: Any, earlier: Path | None = None) -> Any:
    """Return a model with its adapter, if it has one, added to its weights.

    The adapter of a base in 4 bits is added to the base as it was before: to round the sum to
    4 bits would lose most of what was learnt.

    Args:
        model: A PEFT model, or one whose weights were all trained.
        earlier: An adapter that was merged into the base first.
    """
    if not hasattr(model, "peft_config"):
        return model
    if not getattr(model, "is_loaded_in_4bit", False):
        return model.merge_and_unload(safe_merge=True)
    return _unquantised(model, earlier).merge_and_unload(safe_merge=True)


def _unquantised(model: Any, earlier: Path | None) -> Any:
    """Return the base of a 4-bit model in its own precision, with the same adapter on it."""
    from peft import PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict

    config = model.peft_config["default"]
    inner = model.get_base_model()
    base = type(inner).from_pretrained(
        inner.config._name_or_path,
        revision=getattr(inner.config, "_commit_hash", None),
        dtype=inner.dtype,
    )
    if earlier is not None and (earlier / "adapter_config.json").exists():
        base = PeftModel.from_pretrained(base, earlier).merge_and_unload(safe_merge=True)
    whole = get_peft_model(base, config)
    state = {name: tensor.cpu() for name, tensor in get_peft_model_state_dict(model).items()}
    set_peft_model_state_dict(whole, state)
    return whole
