"""Log-likelihoods by a causal LM of transformers, computed where they are asked for and only there.

Rows are sorted by length and batched by a budget of tokens, so there is next to no padding. The
head of the model, the dearest matrix of a small model with a large vocabulary, sees only the
positions that predict a response's token, and those in slices that bound memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

BATCH_TOKENS = {"cpu": 1024}
"""Tokens of a batch, padding included, by type of device; more feed a GPU better."""
BATCH_TOKENS_ELSEWHERE = 16_384
SHORTEST = 0.85
"""Of a batch's longest row: bounds padding where there is little to choose from."""
LOGITS_BYTES = 128 << 20
"""Room for logits: [positions, vocabulary] in float32."""

Encoded = tuple[list[int], list[int]]
"""Tokens of a context, at least one, and of what follows it, at least one."""
Forward = Callable[[Any], Any]


def is_direct(lm: Any) -> bool:
    """Return whether `lm` does what lm-eval's ``hf`` does with a causal LM of transformers."""
    module = sys.modules.get("lm_eval.models.huggingface")  # there if `lm` is of its kind
    if module is None or not isinstance(lm, module.HFLM):
        return False
    from transformers import PreTrainedModel

    own = ("_loglikelihood_tokens", "_model_call")
    return (
        lm.backend == "causal"
        and isinstance(lm.model, PreTrainedModel)
        and all(getattr(type(lm), name) is getattr(module.HFLM, name) for name in own)
        and lm.mixed_precision_dtype is None
    )


def log_likelihoods(
    lm: Any, encoded: Sequence[Encoded], progress: Callable[[int], None] = lambda done: None
) -> list[float]:
    """Return the log-likelihood, in nats, of each response given its context.

    A value does not depend on what else is asked for, but for rounding: attention is causal, so
    padding on the right changes nothing and needs no mask.

    Args:
        lm: An lm-eval ``LM`` that `is_direct`.
        encoded: Tokens of contexts and responses.
        progress: Told how many are done.
    """
    import torch

    if not encoded:
        return []
    found = [0.0] * len(encoded)
    done = 0
    with torch.inference_mode():
        states, head, batch_tokens = _halves(lm, min(encoded, key=lambda e: len(e[0]) + len(e[1])))
        for batch in batches([len(c) + len(r) - 1 for c, r in encoded], batch_tokens):
            rows = [encoded[i] for i in batch]
            for i, value in zip(batch, _score(rows, states, head, lm.device), strict=True):
                found[i] = value
            done += len(batch)
            progress(done)
    return found


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Yield the numbers of rows, longest first, in batches of rows of about the same length.

    Args:
        lengths: Tokens of each row.
        budget: Tokens of a batch, padding included; a longer row is a batch of its own.
    """
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        longest = lengths[batch[0]] if batch else 0
        if batch and (longest * (len(batch) + 1) > budget or lengths[i] < SHORTEST * longest):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _halves(lm: Any, probe: Encoded) -> tuple[Forward, Forward, int]:
    """Return the model as two functions, and how many tokens it takes at a time.

    The first maps tokens [b, t] to states [b, t, d], the second states [k, d] to logits [k, v].
    Where the head alone does not give the model's own logits (some scale them), the first is the
    whole model and the second nothing.
    """
    import torch

    model, head = lm.model, lm.model.get_output_embeddings()
    config = model.config.get_text_config()
    ids = torch.tensor([(probe[0] + probe[1])[:16]], device=lm.device)
    logits = model(ids, use_cache=False).logits

    def states(ids: Any) -> Any:
        return model.base_model(ids, use_cache=False).last_hidden_state

    def capped(states: Any) -> Any:
        logits = head(states).float()
        cap = getattr(config, "final_logit_softcapping", None)
        return logits if cap is None else cap * torch.tanh(logits / cap)

    if head is not None and _equal(logits[0], states, capped, ids):
        tokens = BATCH_TOKENS.get(lm.device.type, BATCH_TOKENS_ELSEWHERE)
        return states, capped, tokens
    tokens = max(1, LOGITS_BYTES // (4 * logits.shape[-1]))
    return lambda ids: model(ids, use_cache=False).logits, lambda logits: logits.float(), tokens


def _equal(logits: Any, states: Forward, head: Forward, ids: Any) -> bool:
    """Return whether states and head give a model's logits, as far as its precision goes."""
    import torch

    try:
        found = head(states(ids)[0])
    except (AttributeError, RuntimeError, TypeError):  # no such states
        return False
    if found.shape != logits.shape:
        return False
    tolerance = 1e-4 if logits.dtype in (torch.float32, torch.float64) else 3e-2
    logits = logits.to(found)
    return bool((found - logits).abs().max() <= tolerance * logits.abs().max())


def _score(rows: Sequence[Encoded], states: Forward, head: Forward, device: Any) -> list[float]:
    """Return the log-likelihood of each response of a batch."""
    import torch

    width = max(len(c) + len(r) for c, r in rows) - 1
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    wanted: list[int] = []
    for n, (context, response) in enumerate(rows):
        whole = torch.tensor(context + response)
        ids[n, : len(whole) - 1] = whole[:-1]
        first = n * width + len(context) - 1
        wanted += range(first, first + len(response))
    hidden = states(ids.to(device)).flatten(0, 1)
    hidden = hidden[torch.tensor(wanted, device=hidden.device)]
    targets = torch.tensor([token for _, response in rows for token in response])
    logs = _log_probabilities(hidden, targets, head)
    return [float(part.sum()) for part in logs.split([len(response) for _, response in rows])]


def _log_probabilities(hidden: Any, targets: Any, head: Forward) -> Any:
    """Return the log-probability of each target token, [k], in float64."""
    import torch

    found, start, step = [], 0, 1
    while start < len(hidden):
        logits = head(hidden[start : start + step])
        chosen = targets[start : start + step, None].to(logits.device)
        # in place: `logsumexp` takes ten times as long on a CPU, `cross_entropy` loses digits
        most = logits.amax(1, keepdim=True)
        above = (logits.gather(1, chosen) - most)[:, 0].double()
        found.append((above - logits.sub_(most).exp_().sum(1).double().log()).cpu())
        start += step
        step = max(1, LOGITS_BYTES // (4 * logits.shape[1]))
    return torch.cat(found)
