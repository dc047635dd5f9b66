"""Where a killed training goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

CHECKPOINTS = "checkpoints"
STATE = "trainer_state.json"


def last_checkpoint(folder: Path) -> str | None:
    """Return the newest complete checkpoint; ``trainer_state.json`` is what a save writes last."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[-1]))
    for checkpoint in reversed(found):
        try:
            json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            shutil.rmtree(checkpoint)
            continue
        return str(checkpoint)
    return None


def tokens_so_far(folder: Path) -> int:
    """Return how many tokens the newest complete checkpoint was trained on; 0 without one."""
    checkpoint = last_checkpoint(folder)
    if checkpoint is None:
        return 0
    state = json.loads((Path(checkpoint) / STATE).read_text(encoding="utf-8"))
    return int(next((r["num_tokens"] for r in state["log_history"][::-1] if "num_tokens" in r), 0))


def resume(trainer: Any, folder: Path) -> None:
    """Train from the newest complete checkpoint, or from the beginning.

    Args:
        trainer: One of TRL's, not yet trained.
        folder: Of its checkpoints.
    """
    # TRL keeps this count in memory only
    trainer._total_train_tokens = tokens_so_far(folder)
    trainer.train(resume_from_checkpoint=last_checkpoint(folder))
