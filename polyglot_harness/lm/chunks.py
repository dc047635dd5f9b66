"""Ask an lm-eval ``LM`` that returns bare strings, one chunk at a time.

A chunk is seeded as a whole (replies that are sampled in one batch depend on one another), so it
is also made as a whole: a resumed run gives the same bytes, whatever else is scheduled.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import Any

from polyglot_harness.errors import StageError
from polyglot_harness.files import storable
from polyglot_harness.lm.exchange import FinishReason, Reply, Request

PLACEHOLDER = "LMEVAL_MODEL_NONE_ANSWER_PLACEHOLDER"
"""Variable of lm-eval: what its models of servers put where a server gave no text."""


def ask_chunk(lm: Any, task: str, requests: Sequence[Request]) -> list[Reply]:
    """Return the replies to the requests of one chunk, in order.

    Args:
        lm: An lm-eval ``LM``.
        task: Name of the task, for messages.
        requests: Those of one chunk; they share one seed.

    Raises:
        StageError: If the model returns another number of replies.
    """
    from lm_eval.api.instance import Instance

    seed_everything(requests[0].seed)
    instances = [
        Instance(
            request_type="generate_until",
            doc={},
            arguments=(r.context, dict(r.gen_kwargs)),
            idx=0,
            metadata=(task, r.index, 1),
        )
        for r in requests
    ]
    texts = lm.generate_until(instances, disable_tqdm=True)
    if len(texts) != len(requests):
        raise StageError(f"{task}: {len(requests)} requests, but {len(texts)} replies")
    return [_reply(lm, request, text) for request, text in zip(requests, texts, strict=True)]


def _reply(lm: Any, request: Request, text: str | None) -> Reply:
    text = storable(text or "")
    encode = getattr(lm, "tok_encode", None)
    # lm-eval's models of a server without a tokenizer have a `tok_encode` that does nothing
    if encode is None or getattr(lm, "tokenizer_backend", "") is None:
        return Reply("" if text == os.environ.get(PLACEHOLDER, "") else text)
    tokens_in = len(encode(request.context))
    tokens_out = len(encode(text, add_special_tokens=False))
    reason = _finish_reason(lm, request, tokens_in, tokens_out)
    return Reply(text, reason, tokens_in, tokens_out)


def _finish_reason(lm: Any, request: Request, tokens_in: int, tokens_out: int) -> FinishReason:
    """Infer what lm-eval does not return: whether reply or request ran out of room."""
    budget = int(request.gen_kwargs.get("max_gen_toks", 256))
    room = getattr(lm, "max_length", None)
    if room and tokens_in > room - budget:
        return "prompt_truncated"
    # decoding and encoding again may differ by a token or two
    return "length" if tokens_out >= budget - 2 else "stop"


def seed_everything(seed: int) -> None:
    """Seed python, numpy and torch."""
    import numpy
    import torch

    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)
