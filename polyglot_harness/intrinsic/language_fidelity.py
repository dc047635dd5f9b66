"""Language fidelity: how much of the data is in the wanted language and script; 0-1, higher better.

- ``language_fidelity``: share of the teacher's replies with text, the rejected ones included.
- ``response_fidelity``: share of the accepted responses; 1 by construction if the check of the
  language was on, so it tells of data of others.
- ``sentence_fidelity``: sentences in the wanted language / sentences of all accepted responses, as
  far as they can be judged (see `code_switching.passages`).
- ``script_fidelity``: letters of the wanted script / letters of all accepted responses, code and
  addresses left out. Names and terms in Latin letters count against it, so that good Arabic or
  Japanese has a little less than 1.

A text with hardly a letter counts as in the language. Identification passes gibberish that looks
like the language: `known_words` and perplexity tell.

Columns: ``in_language`` (1 or 0); ``sentences`` that can be judged, ``own_sentences`` and their
share ``sentence_fidelity``; ``letters``, ``own_letters`` and their share ``script_fidelity``.
"""

from __future__ import annotations

from typing import Any

from polyglot_harness.intrinsic import MeasureInput
from polyglot_harness.intrinsic.code_switching import OTHER_SCRIPT, passages
from polyglot_harness.intrinsic.estimate import ratio, share
from polyglot_harness.intrinsic.samples import Sample, blocks
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.language_id import prose
from polyglot_harness.letters import foreign_letter_count, letter_count
from polyglot_harness.provenance import relevant
from polyglot_harness.segmentation import VERSIONS
from polyglot_harness.spec import LanguagePack, Measurement, RunSpec
from polyglot_harness.strategies.checks import speaks

VERSION = 2


def depends_on(spec: RunSpec, pack: LanguagePack) -> dict[str, Any]:
    """Return the script, and the versions of what finds sentences and languages."""
    return {"pack": {"script": pack.script}, "versions": relevant("py3langid", *VERSIONS)}


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return the four measurements."""
    code = data.pack.code
    for block in blocks(data.data, values.rows):
        rows = [_row(sample, data.pack) for sample in block]
        values.add(**{name: [row[name] for row in rows] for name in rows[0]})
        data.progress(values.rows, len(data.data))
    rejected = [speaks(r.reply, code) for r in data.data.rejections() if r.reply.strip()]
    right = sum(int(block.sum()) for block in values.blocks("in_language"))
    n = values.rows
    return (
        share("language_fidelity", code, right + sum(rejected), n + len(rejected)),
        share("response_fidelity", code, right, n),
        ratio("sentence_fidelity", code, values, ("own_sentences", "sentences")),
        ratio("script_fidelity", code, values, ("own_letters", "letters")),
    )


def _row(sample: Sample, pack: LanguagePack) -> dict[str, float | None]:
    text = prose(sample.response)
    spoken = [found for _, found in passages(sample.response, pack) if found != OTHER_SCRIPT]
    own, sentences = spoken.count(pack.code), len(spoken)
    letters = letter_count(text)
    own_letters = letters - foreign_letter_count(text, pack.script)
    return {
        "in_language": float(speaks(sample.response, pack.code)),
        "sentences": sentences,
        "own_sentences": own if sentences else None,
        "sentence_fidelity": own / sentences if sentences else None,
        "letters": letters,
        "own_letters": own_letters if letters else None,
        "script_fidelity": own_letters / letters if letters else None,
    }
