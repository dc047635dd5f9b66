"""Translation overlap: chrF++ and spBLEU against human translations; 0-100, higher is better.

Of prompts that the translate strategy made of a source for which there is a reference. chrF++ is
the F2 score of character 1- to 6-grams and word 1- and 2-grams (Popović 2017, ACL W17-4770); spBLEU
is BLEU over the sentence pieces of FLORES-200 (arXiv 2207.04672); Japanese has BLEU over MeCab's
words besides. All by sacrebleu, whose signature is in ``params``; a line break counts as a space,
for sacrebleu reads a text a line. The corpus scores are of the summed n-gram counts, and so are
their bootstrap intervals (see `estimate`): no text is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.intrinsic import MeasureInput
from polyglot_harness.intrinsic.estimate import RESAMPLES, interval, weights
from polyglot_harness.intrinsic.samples import BLOCK, Sample, blocks
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.provenance import relevant
from polyglot_harness.spec import LanguagePack, Measurement, RunSpec

TOKENIZERS = {"translate_spbleu": "flores200", "translate_bleu": "ja-mecab"}
"""sacrebleu's name for what cuts the words of a BLEU."""


def depends_on(spec: RunSpec, pack: LanguagePack) -> dict[str, Any]:
    """Return the version of sacrebleu, and whether spBLEU's tokenizer is there."""
    return {"versions": {**dict(relevant("sacrebleu")), "flores200": _flores200().exists()}}


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return ``translate_chrf``, ``translate_spbleu`` and, for Japanese, ``translate_bleu``."""
    code = data.pack.code
    names = ["translate_chrf", "translate_spbleu", *(["translate_bleu"] if code == "ja" else [])]
    counts: dict[str, Counts] = {}
    reasons: dict[str, str] = {}
    # only if there is something to score: one tokenizer is downloaded
    if any(map(_has_reference, data.data.samples())):
        for name in names:
            metrics = scorers(TOKENIZERS.get(name))
            if isinstance(metrics, str):
                reasons[name] = metrics
            else:
                counts[name] = Counts(*metrics)
    done = values.rows
    # counts are not kept on the disk: after an interruption all are made anew, which is cheap
    for number, block in enumerate(blocks(data.data)):
        rows = [i for i, sample in enumerate(block) if _has_reference(sample)]
        columns = {name: np.full(len(block), np.nan) for name in names}
        for name, sums in counts.items():
            if rows:
                columns[name][rows] = sums.add(number, rows, [block[i] for i in rows])
        if number * BLOCK >= done:
            values.add(**columns)
        data.progress(min((number + 1) * BLOCK, len(data.data)), len(data.data))
    return tuple(
        counts[name].measurement(name, code) if name in counts
        else Measurement(
            name=name, language=code, value=None, stderr=None, n=0,
            params=(("reason", reasons[name]),) if name in reasons else (),
        )
        for name in names
    )  # fmt: skip


def _has_reference(sample: Sample) -> bool:
    return bool(sample.reference.strip())


def _line(text: str) -> str:
    return " ".join(text.split())


class Counts:
    """N-gram counts of one metric, summed over all examples and in each resample of them."""

    def __init__(self, corpus: Any, sentence: Any) -> None:
        """Begin empty.

        Args:
            corpus: sacrebleu's metric.
            sentence: The same for single sentences.
        """
        self._corpus, self._sentence = corpus, sentence
        self._n = 0
        self._sums: Any = 0.0
        self._resampled: Any = 0.0

    def add(self, number: int, rows: Sequence[int], samples: Sequence[Sample]) -> list[float]:
        """Add samples of one block.

        Args:
            number: The block's.
            rows: Where they stand in it.
            samples: They, each with a reference.

        Returns:
            Their own scores.
        """
        # sacrebleu's significance tests go by the same, not public, two methods
        found = self._corpus._extract_corpus_statistics(
            [_line(sample.prompt) for sample in samples],
            [[_line(sample.reference) for sample in samples]],
        )
        counted = np.array([[1, *row] for row in found], dtype=float)
        self._n += len(counted)
        self._sums = self._sums + counted.sum(axis=0)
        self._resampled = self._resampled + weights(number)[:, list(rows)] @ counted
        return [_score(self._sentence, row) for row in counted]

    def measurement(self, name: str, language: str) -> Measurement:
        """Return the score of the corpus, with sacrebleu's signature."""
        drawn = [_score(self._corpus, row) for row in self._resampled if row[0]]
        low, high = interval(drawn)
        certain = self._n > 1
        return Measurement(
            name=name,
            language=language,
            value=_score(self._corpus, self._sums),
            stderr=float(np.std(drawn, ddof=1)) if certain else None,
            n=self._n,
            low=low if certain else None,
            high=high if certain else None,
            params=(("signature", str(self._corpus.get_signature())), ("resamples", RESAMPLES)),
        )


def _score(metric: Any, counted: NDArray[np.float64]) -> float:
    return float(metric._compute_score_from_stats(counted[1:].tolist()).score)


def scorers(tokenizer: str | None) -> tuple[Any, Any] | str:
    """Return chrF++ (None) or BLEU for a corpus and for sentences, or why it cannot be had."""
    from sacrebleu.metrics import BLEU, CHRF

    if tokenizer is None:
        return CHRF(word_order=2), CHRF(word_order=2)
    try:
        # a sentence that is shorter than four words has fewer orders of n-grams
        return (
            BLEU(tokenize=tokenizer, force=True),
            BLEU(tokenize=tokenizer, force=True, effective_order=True),
        )
    # the last is what sacrebleu makes of a certificate that it does not trust
    except (ImportError, OSError, RuntimeError, SystemExit) as error:
        detail = " ".join(str(error).split()) or type(error).__name__
        remedy = f"; sacrebleu looks for {_flores200()}" if tokenizer == "flores200" else ""
        return f"the tokenizer {tokenizer} cannot be had: {detail}{remedy}"


def _flores200() -> Path:
    """Return where sacrebleu keeps the tokenizer of spBLEU, which it downloads."""
    from sacrebleu.tokenizers import tokenizer_spm as spm

    url = Path(spm.SPM_MODELS["flores200"]["url"])
    return Path(spm.SACREBLEU_DIR) / "models" / url.name
