"""Translationese: how well translated examples are told from others; AUC, 0-1, lower is better.

Translated text has a dialect of its own, which a classifier finds in function words and punctuation
alone, whatever the text is about (Baroni & Bernardini 2006; Volansky et al. 2015). Features of
prompt and response together: the share of all words of each of the `FREQUENT` most frequent words
of the language (wordfreq), the share of all tokens of each punctuation mark, mean length of words
and of sentences. Logistic regression on standardised features, `FOLDS`-fold cross-validation;
examples of one prompt, or of one source, are in one fold.

``translationese_auc`` is the area under the ROC curve of the probabilities so found: the chance
that a translated example looks more like a translation than another one does. 0.5 is no difference,
and noise may bring it below. The standard error is that of Hanley & McNeil (1982) for as many
examples as there are different prompts, the interval 1.96 of them to either side; it leaves out
what another fit would change (halves of one corpus had 0.50 in the mean, and 1.1 to 1.7 times its
spread). The other examples may also differ in what was asked: compare teachers, not with 0.5.

Translated is what the translate strategy made, or what has a ``source``. Missing with fewer than
`LEAST` different prompts on either side, so with one strategy alone, and for languages without a
word list. Of each side at most `MOST` examples are drawn; ``n`` counts both.

Columns: ``translated_probability``; missing for examples that were not drawn.
"""

from __future__ import annotations

import math
import unicodedata
import zlib
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.errors import MissingDependency
from polyglot_harness.intrinsic import MeasureInput
from polyglot_harness.intrinsic.samples import BLOCK, Sample, blocks
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.lexicon import WORD_LISTS
from polyglot_harness.provenance import relevant
from polyglot_harness.segmentation import VERSIONS, sentences, tokens
from polyglot_harness.spec import LanguagePack, Measurement, RunSpec

FREQUENT = 150
FOLDS = 5
LEAST = 50
MOST = 4_000
MARKS = tuple(".,;:!?-–—…()[]/%'\"“”„‘’«»¿¡،؛؟。、，！？：；「」『』（）・〜")
Floats = NDArray[np.float64]


def depends_on(spec: RunSpec, pack: LanguagePack) -> dict[str, Any]:
    """Return the versions of what finds tokens, knows frequent words and fits."""
    return {"versions": relevant("wordfreq", "scikit-learn", *VERSIONS)}


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return ``translationese_auc``; what an interruption left is made anew."""
    total = len(data.data)
    sides = (Side(0), Side(1))
    seen = 0
    for block in blocks(data.data):
        for index, sample in enumerate(block, start=seen):
            sides[translated(sample)].offer(index, sample, data.pack.code)
        seen += len(block)
        data.progress(seen, total)
    probabilities = np.full(total, np.nan)
    found = _measurement(data.pack.code, sides, probabilities)
    for start in range(values.rows, total, BLOCK):
        values.add(translated_probability=probabilities[start : start + BLOCK])
    return (found,)


def translated(sample: Sample) -> bool:
    """Whether the prompt of a sample was translated."""
    return sample.strategy == "translate" or bool(sample.source)


class Side:
    """At most `MOST` examples of one kind, drawn by reservoir sampling (Vitter 1985)."""

    def __init__(self, seed: int) -> None:
        """Begin with none."""
        self._draw = np.random.default_rng(seed)
        self._offered = 0
        self.kept: list[tuple[int, int, Floats]] = []
        """Number, group and features of each example."""

    def offer(self, index: int, sample: Sample, code: str) -> None:
        """Keep a sample, or not."""
        if not frequent(code):
            return
        place = len(self.kept)
        if place == MOST:
            place = int(self._draw.integers(0, self._offered + 1))
        self._offered += 1
        if place < MOST:
            group = zlib.crc32((sample.source or sample.prompt).encode())
            self.kept[place : place + 1] = [(index, group, features(sample, code))]

    def groups(self) -> int:
        """Return the number of different prompts."""
        return len({group for _, group, _ in self.kept})


@cache
def frequent(code: str) -> dict[str, int]:
    """Return the place of each frequent word of a language; {} of one without a list."""
    from wordfreq import available_languages, top_n_list

    name = WORD_LISTS.get(code, code)
    if name not in available_languages():
        return {}
    listed = [word for word in top_n_list(name, 2 * FREQUENT) if any(map(str.isalpha, word))]
    return {word: place for place, word in enumerate(listed[:FREQUENT])}


def features(sample: Sample, code: str) -> Floats:
    """Return the shares of frequent words and of punctuation marks, and the two mean lengths."""
    text = unicodedata.normalize("NFC", f"{sample.prompt}\n{sample.response}").lower()
    found = tokens(text, code)
    counts = Counter(found)
    words = [token for token in found if any(map(str.isalnum, token))]
    n_words, n_tokens = max(len(words), 1), max(len(found), 1)
    return np.array(
        [counts[word] / n_words for word in frequent(code)]
        + [counts[mark] / n_tokens for mark in MARKS]
        + [sum(map(len, words)) / n_words, len(words) / max(len(sentences(text, code)), 1)]
    )


def _measurement(code: str, sides: tuple[Side, Side], probabilities: Floats) -> Measurement:
    """Return the measurement, and write the probabilities."""
    n = [len(side.kept) for side in sides]
    params = (("others", n[0]), ("translated", n[1]))
    name = "translationese_auc"
    prompts = [side.groups() for side in sides]
    if min(prompts) < LEAST:
        return Measurement(name=name, language=code, value=None, stderr=None, n=0, params=params)
    rows = [row for side in sides for row in side.kept]
    labels = np.repeat([0, 1], n)
    scores = out_of_fold(np.stack([row[2] for row in rows]), labels, [row[1] for row in rows])
    probabilities[[row[0] for row in rows]] = scores
    value = auc(scores, labels)
    stderr = hanley_mcneil(value, *prompts)
    return Measurement(
        name=name, language=code, value=value, stderr=stderr, n=sum(n), params=params,
        low=max(value - 1.96 * stderr, 0.0), high=min(value + 1.96 * stderr, 1.0),
    )  # fmt: skip


def out_of_fold(rows: Floats, labels: NDArray[np.int_], groups: Sequence[int]) -> Floats:
    """Return of each row the probability of class 1 by a classifier that has not seen its group.

    Raises:
        MissingDependency: Without scikit-learn.
    """
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        raise MissingDependency("scikit-learn", "analysis") from error
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    found = cross_val_predict(model, rows, labels, groups=groups, cv=folds, method="predict_proba")
    return np.asarray(found[:, 1], dtype=float)


def auc(scores: Floats, labels: NDArray[np.int_]) -> float:
    """Return the share of pairs of the two classes in which class 1 has more; ties are half."""
    from scipy.stats import rankdata

    ones = int(labels.sum())
    ranks = float(rankdata(scores)[labels == 1].sum())
    return (ranks - ones * (ones + 1) / 2) / (ones * (len(labels) - ones))


def hanley_mcneil(value: float, n_zero: int, n_one: int) -> float:
    """Return the standard error of an AUC (Hanley & McNeil 1982)."""
    q_one, q_zero = value / (2 - value), 2 * value**2 / (1 + value)
    variance = value * (1 - value)
    variance += (n_one - 1) * (q_one - value**2) + (n_zero - 1) * (q_zero - value**2)
    return math.sqrt(max(variance, 0.0) / (n_zero * n_one))
