"""Length of prompts and responses in words, or in characters for scripts without spaces."""

from __future__ import annotations

from polyglot_harness.intrinsic import MeasureInput, mean_measurement
from polyglot_harness.spec import LanguagePack, Measurement


def measure(data: MeasureInput) -> tuple[Measurement, ...]:
    """Return ``prompt_length`` and ``response_length``."""
    return tuple(
        mean_measurement(f"{part}_length", data.pack.code, values)
        for part, values in (
            ("prompt", [length(e.prompt, data.pack) for e in data.examples]),
            ("response", [length(e.response, data.pack) for e in data.examples]),
        )
    )


def length(text: str, pack: LanguagePack) -> float:
    """Return the length of a text in the unit of its language."""
    return float(
        len(text.split()) if pack.length_unit == "words" else sum(not c.isspace() for c in text)
    )
