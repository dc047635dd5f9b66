"""Known words: mean share of a response's words that are in a word list; 0-1, higher is better.

known words / words with a letter, by the lists of wordfreq (Speer 2022, doi:10.5281/zenodo.7199437;
see `lexicon`), mean over the responses that have words. Low values are gibberish that language
identification lets pass. Missing for languages without a list, and for those without spaces between
words (ja) or whose list needs further packages (ko): there gibberish has known words too.

Columns: ``known_words``.
"""

from __future__ import annotations

from typing import Any

from polyglot_harness.intrinsic import MeasureInput
from polyglot_harness.intrinsic.estimate import mean
from polyglot_harness.intrinsic.samples import blocks
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.lexicon import known_word_share
from polyglot_harness.provenance import relevant
from polyglot_harness.spec import LanguagePack, Measurement, RunSpec


def depends_on(spec: RunSpec, pack: LanguagePack) -> dict[str, Any]:
    """Return the version of the word lists."""
    return {"versions": relevant("wordfreq")}


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return ``known_words``."""
    for block in blocks(data.data, values.rows):
        values.add(known_words=[known_word_share(s.response, data.pack.code) for s in block])
        data.progress(values.rows, len(data.data))
    return (mean("known_words", data.pack.code, values, "known_words"),)
