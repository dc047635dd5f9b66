"""Length: mean words of prompts and responses, or characters without spaces; >= 0, no direction.

Which of the two, says the pack's ``length_unit``, and ``unit`` in the params: characters for
scripts without spaces, words (what stands between spaces) for all others. Tokens are counted where
there is a tokenizer, by ``perplexity``.

Columns: ``prompt_length``, ``response_length``.
"""

from __future__ import annotations

from typing import Any

from polyglot_harness.intrinsic import MeasureInput
from polyglot_harness.intrinsic.estimate import mean
from polyglot_harness.intrinsic.samples import blocks
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.spec import LanguagePack, Measurement, RunSpec


def depends_on(spec: RunSpec, pack: LanguagePack) -> dict[str, Any]:
    """Return the unit."""
    return {"pack": {"length_unit": pack.length_unit}}


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return ``prompt_length`` and ``response_length``."""
    for block in blocks(data.data, values.rows):
        values.add(
            prompt_length=[length(s.prompt, data.pack) for s in block],
            response_length=[length(s.response, data.pack) for s in block],
        )
        data.progress(values.rows, len(data.data))
    names = ("prompt_length", "response_length")
    unit = (("unit", data.pack.length_unit),)
    return tuple(mean(name, data.pack.code, values, name, params=unit) for name in names)


def length(text: str, pack: LanguagePack) -> float:
    """Return the length of a text in the unit of its language."""
    return float(
        len(text.split()) if pack.length_unit == "words" else sum(not c.isspace() for c in text)
    )
