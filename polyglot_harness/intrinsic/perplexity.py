"""Perplexity: of the response given the prompt under a base LM; >= 1, lower is better.

exp(-log p(response | prompt) / tokens), arXiv 2604.11290, section 3.2, without its script's faults:
prompt and padding are masked, and each example has its own value. The context is the prompt and a
line break, or the chat template's rendering of the prompt up to where the response begins; only
tokens of the response count. Bits per byte, -log2 p / bytes, can be compared across tokenizers
(Gao et al. 2020, The Pile, section 3.1).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from polyglot_harness.errors import ConfigError, first_line
from polyglot_harness.intrinsic import MeasureInput
from polyglot_harness.intrinsic.estimate import mean, ratio, share_of
from polyglot_harness.intrinsic.samples import Sample, blocks, spread
from polyglot_harness.intrinsic.values import Floats, Values
from polyglot_harness.lm.likelihood import likelihoods
from polyglot_harness.provenance import relevant
from polyglot_harness.spec import LanguagePack, Measurement, RunSpec

VERSION = 2
BLOCK = 256
"""An interruption loses at most so many; sorted by length they hold 4 % padding, 1,024 hold 1 %."""
COLUMNS = (
    "perplexity", "bits_per_byte",
    "response_nats", "response_tokens", "response_bytes", "perplexity_truncated",
)  # fmt: skip


def depends_on(spec: RunSpec, pack: LanguagePack) -> dict[str, Any]:
    """Return the settings that change the numbers."""
    from polyglot_harness.lm.load import model_identity

    return {
        "model": model_identity(spec.perplexity_model),
        "backend": [spec.perplexity_backend, spec.perplexity_args],
        "form": spec.perplexity_form,
        "max_length": spec.perplexity_max_length,
        "limit": spec.metric_limit,
        "versions": relevant("lm_eval", "torch", "transformers"),
    }


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return the perplexity as a mean over examples and over tokens, and bits per byte.

    ``perplexity_truncated`` is the share of examples that are too long to be read whole; what was
    read of them counts. A response without tokens has no value.
    """
    n, code = len(data.data), data.pack.code
    chosen = spread(n, data.spec.metric_limit)
    for block in blocks(data.data, values.rows, BLOCK):
        asked = [i for i in range(len(block)) if values.rows + i in chosen]
        found = np.full((len(COLUMNS), len(block)), np.nan)
        if asked:
            found[:, asked] = _score(data, [block[i] for i in asked], values.rows)
        values.add(**dict(zip(COLUMNS, found, strict=True)))
        data.progress(values.rows, n)
    sums = ("response_nats", "response_tokens")
    return (
        mean("perplexity", code, values, "perplexity"),
        ratio("perplexity_token_weighted", code, values, sums, transform=math.exp),
        mean("bits_per_byte", code, values, "bits_per_byte"),
        share_of("perplexity_truncated", code, values, "perplexity_truncated"),
    )


def _score(data: MeasureInput, samples: list[Sample], done: int) -> Floats:
    """Return the columns of some samples, [columns, samples]."""
    lm, spec = data.perplexity_lm(), data.spec
    texts = [(_context(lm, s.prompt, spec), s.response) for s in samples]
    found = likelihoods(
        lm,
        texts,
        max_length=spec.perplexity_max_length,
        progress=lambda more: data.progress(done + more, len(data.data)),
    )
    rows = [
        (f.nats, math.nan if f.tokens is None else f.tokens, f.size,
         math.nan if f.truncated is None else f.truncated) if f else (math.nan,) * 4
        for f in found
    ]  # fmt: skip
    nats, tokens, size, cut = np.array(rows, dtype=float).T
    with np.errstate(over="ignore"):  # infinite, and missing therefore
        perplexity = np.exp(nats / tokens)
    return np.stack([perplexity, nats / math.log(2) / size, nats, tokens, size, cut])


def _context(lm: Any, prompt: str, spec: RunSpec) -> str:
    """Return what a response is given.

    Raises:
        ConfigError: If there is no chat template for the form ``chat``.
    """
    if spec.perplexity_form == "plain":
        return f"{prompt}\n"
    from jinja2 import TemplateError

    turn = [{"role": "user", "content": prompt}]
    try:
        text = lm.apply_chat_template(turn, add_generation_prompt=True)
        # lm-eval's models of a server return the turns themselves
        reason = "" if isinstance(text, str) else "its server applies it"
    except (AttributeError, NotImplementedError, TemplateError, ValueError) as error:
        text, reason = "", first_line(error)
    if reason:
        raise ConfigError(
            f"perplexity_form chat: no chat template of {spec.perplexity_model} can be used"
            f" ({reason}); valid without one: plain"
        )
    return str(text)
