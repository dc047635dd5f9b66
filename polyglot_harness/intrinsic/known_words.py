"""Known words: mean share of a response's words that are in a word list; 0-1, higher is better.

Low values are gibberish that language identification lets pass. Missing for languages without a
list or without spaces between words (ja).
"""

from __future__ import annotations

from polyglot_harness.intrinsic import MeasureInput, mean_measurement
from polyglot_harness.lexicon import known_word_share
from polyglot_harness.spec import Measurement


def measure(data: MeasureInput) -> tuple[Measurement, ...]:
    """Return ``known_words``."""
    shares = [known_word_share(e.response, data.pack.code) for e in data.examples]
    values = [share for share in shares if share is not None]
    return (mean_measurement("known_words", data.pack.code, values),)
