"""Where a killed training goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

CHECKPOINTS = "checkpoints"


def last_checkpoint(folder: Path) -> str | None:
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
