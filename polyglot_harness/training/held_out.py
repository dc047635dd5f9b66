"""The loss on examples that were kept out of training, before it and after."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from polyglot_harness.store import write_atomically
from polyglot_harness.training.encoding import Encoded

BEFORE = "held_out.json"
Losses = list[tuple[float, int]]
"""Of each example: the sum over its response in nats, and its tokens."""


def losses(trainer: Any, examples: Sequence[Encoded]) -> Losses:
    """Return the loss of each example, by the trainer's own computation with dropout off.

    One at a time, so padding and batch size decide no digit.
    """
    import torch

    was_training = trainer.model.training
    trainer.model.eval()
    found = []
    for example in examples:
        row = {"input_ids": example.tokens.tolist(), "labels": example.labels.tolist()}
        inputs = trainer.data_collator([row])
        with torch.no_grad(), trainer.accelerator.autocast():
            mean = trainer.prediction_step(trainer.model, inputs, prediction_loss_only=True)[0]
        tokens = len(example.tokens) - max(example.prompt, 1)
        found.append((float(mean) * tokens, tokens))
    trainer.model.train(was_training)
    return found


def before(trainer: Any, examples: Sequence[Encoded], folder: Path) -> Losses:
    """Return the losses before the first step, from a file where a killed training left them."""
    path = folder / BEFORE
    if path.exists():
        return [(total, tokens) for total, tokens in json.loads(path.read_text(encoding="utf-8"))]
    found = losses(trainer, examples)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(found))
    return found


def summary(first: Losses, last: Losses) -> dict[str, Any]:
    """Return counts: examples and tokens held out, mean loss a token before and after.

    Standard errors are of a mean over tokens that come in examples (a ratio); that of the change
    compares each example with itself. Of one example they are not known: None.
    """
    tokens = [n for _, n in last]
    change = [b - a for (a, _), (b, _) in zip(first, last, strict=True)]
    return {
        "held_out": len(last),
        "held_out_tokens": sum(tokens),
        "held_out_loss_before": mean(first),
        "held_out_loss": mean(last),
        "held_out_loss_stderr": _stderr([total for total, _ in last], tokens),
        "held_out_change_stderr": _stderr(change, tokens),
    }


def mean(found: Losses) -> float:
    """Return the loss of a token in nats."""
    return math.fsum(total for total, _ in found) / sum(tokens for _, tokens in found)


def _stderr(totals: Sequence[float], tokens: Sequence[int]) -> float | None:
    n = len(totals)
    if n < 2:
        return None
    ratio = math.fsum(totals) / sum(tokens)
    squares = math.fsum((t - ratio * m) ** 2 for t, m in zip(totals, tokens, strict=True))
    return math.sqrt(squares * n / (n - 1)) / sum(tokens)
