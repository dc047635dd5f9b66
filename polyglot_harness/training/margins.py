"""How far a policy has come to prefer the chosen responses (arXiv 2305.18290, section 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from polyglot_harness.training.pairs import EncodedPair

LogProbs = list[tuple[float, float]]
"""Of each pair: the log-probabilities of the chosen and the rejected response, in nats."""


def log_probs(trainer: Any, pairs: Sequence[EncodedPair]) -> LogProbs:
    """Ask a trainer's model, with dropout off.

    One response at a time, so neither padding nor the batch size decides a digit.
    """
    import torch

    model = trainer.model
    was_training = model.training
    model.eval()
    with torch.no_grad(), trainer.accelerator.autocast():
        found = [
            (
                _log_prob(model, p.chosen.tokens, p.prompt),
                _log_prob(model, p.rejected.tokens, p.prompt),
            )
            for p in pairs
        ]
    model.train(was_training)
    return found


def implicit_margins(reference: LogProbs, policy: LogProbs, beta: float) -> list[float]:
    """Return by how much each chosen response's implicit reward exceeds the rejected one's.

    The implicit reward of a response is beta * log(policy / reference).

    Args:
        reference: Where the policy began.
        policy: Where it is.
        beta: Of the loss.
    """
    return [
        beta * ((chosen - ref_chosen) - (rejected - ref_rejected))
        for (ref_chosen, ref_rejected), (chosen, rejected) in zip(reference, policy, strict=True)
    ]


def summary(margins: Sequence[float]) -> dict[str, Any]:
    """Return counts: mean implicit margin, accuracy and DPO loss of held-out pairs.

    The accuracy is the share of pairs with a margin above 0. Before the first step policy and
    reference are one: margins are 0 and the loss ln 2. Standard errors are of means over pairs; of
    one pair they are not known: None.
    """
    losses = [max(-m, 0.0) + math.log1p(math.exp(-abs(m))) for m in margins]
    found = {"margin": margins, "accuracy": [float(m > 0) for m in margins], "loss": losses}
    counts: dict[str, Any] = {"held_out": len(margins), "held_out_loss_before": math.log(2)}
    for name, values in found.items():
        counts[f"held_out_{name}"] = math.fsum(values) / len(values)
        counts[f"held_out_{name}_stderr"] = _stderr(values)
    return counts


def _stderr(values: Sequence[float]) -> float | None:
    n = len(values)
    return float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else None


def _log_prob(model: Any, tokens: Any, prompt: int) -> float:
    """Return the log-probability of the tokens after the prompt's."""
    import torch

    ids = torch.tensor(tokens, device=model.device)[None]
    # the logits at a place are of the token after it
    logits = model(input_ids=ids, logits_to_keep=len(tokens) - prompt + 1).logits[0, :-1]
    wanted = ids[0, prompt:, None]
    return float(torch.log_softmax(logits.float(), -1).gather(1, wanted).double().sum())
