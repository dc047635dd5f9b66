"""Known words: mean share of a response's words that are in a word list; 0-1, higher is better.

Low values are gibberish that language identification lets pass. Missing for languages without a
list or without spaces between words (ja).
"""

from __future__ import annotations

from polyglot_harness.intrinsic import MeasureInput
from polyglot_harness.intrinsic.estimate import mean
from polyglot_harness.intrinsic.samples import blocks
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.lexicon import known_word_share
from polyglot_harness.spec import Measurement


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return ``known_words``."""
    for block in blocks(data.data, values.rows):
        values.add(known_words=[known_word_share(s.response, data.pack.code) for s in block])
        data.progress(values.rows, len(data.data))
    return (mean("known_words", data.pack.code, values, "known_words"),)
