"""Perplexity of the response given the prompt under a base LM; >= 1, lower is better.

arXiv 2604.11290, section 3.2, without its script's faults: prompt and padding are masked, and each
example has its own value. The prompt and a line break are the context; only tokens of the response
count. Bits per byte stand beside it: they can be compared across tokenizers.
"""

from __future__ import annotations

import math
from typing import Any

from polyglot_harness.intrinsic import MeasureInput, mean_measurement
from polyglot_harness.spec import Example, Measurement


def measure(data: MeasureInput) -> tuple[Measurement, ...]:
    """Return ``perplexity`` (mean over examples) and ``bits_per_byte``."""
    examples = data.examples if data.limit is None else spread(data.examples, data.limit)
    scored = score(examples, data.perplexity_lm()) if examples else []
    data.progress(len(examples), len(examples))
    code = data.pack.code
    return (
        mean_measurement("perplexity", code, [math.exp(-ll / n) for ll, n, _ in scored]),
        mean_measurement("bits_per_byte", code, [-ll / math.log(2) / b for ll, _, b in scored]),
    )


def score(examples: tuple[Example, ...], lm: Any) -> list[tuple[float, int, int]]:
    """Score responses with an lm-eval ``LM``.

    Returns:
        For each example: log-likelihood in nats, tokens, and UTF-8 bytes of the response.
    """
    pairs = [(f"{e.prompt}\n", e.response) for e in examples]
    encoded = [(pair, *_encode(lm, *pair)) for pair in pairs]
    # not `loglikelihood`: it counts the white space at the context's end to the response
    likelihoods = lm._loglikelihood_tokens(encoded, disable_tqdm=True)
    return [
        (float(ll), len(tokens), len(response.encode()))
        for (ll, _), ((_, response), _, tokens) in zip(likelihoods, encoded, strict=True)
    ]


def _encode(lm: Any, context: str, response: str) -> tuple[list[int], list[int]]:
    """Return the tokens of the context, and those that the response adds to them."""
    given = lm.tok_encode(context)
    return given, lm.tok_encode(context + response)[len(given) :]


def spread(examples: tuple[Example, ...], limit: int) -> tuple[Example, ...]:
    """Return at most `limit` examples, evenly spaced over all of them."""
    if len(examples) <= limit:
        return examples
    return tuple(examples[i * len(examples) // limit] for i in range(limit))
