"""Lexical diversity: distinct-n (higher is more diverse) and self-BLEU (lower is); 0-1.

Both depend on how much text is looked at, so each is the mean over parts of the data of one size,
with the standard error over the parts; ``n`` counts the parts. Tokens are those of
`segmentation.tokens`: words and punctuation, case kept.

- ``prompt_distinct_1`` to ``_3``, ``response_distinct_1`` to ``_3``: different n-grams / n-grams
  (Li et al. 2016, arXiv 1510.03055) of segments of `SEGMENT` n-grams, in the order of the data; no
  n-gram reaches from one text into the next. What is left over after the last segment is not
  counted. Data of less than one segment have the value of what there is, and ``ngrams`` in its
  params is then less than `SEGMENT`: compare it with nothing else.
- ``prompt_self_bleu``, ``response_self_bleu``: mean BLEU of each text against all others of its
  group (Zhu et al. 2018, arXiv 1802.01886), over up to `MAX_GROUPS` groups of `GROUP` texts drawn
  without replacement; sacrebleu's BLEU of sentences (exponential smoothing, effective order), over
  100. Fewer texts make one smaller group, as ``texts`` in its params says.

Columns: ``prompt_self_bleu``, ``response_self_bleu``; missing for texts that were not drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.intrinsic import PARTS, MeasureInput, Part
from polyglot_harness.intrinsic.estimate import mean_of
from polyglot_harness.intrinsic.samples import BLOCK, blocks
from polyglot_harness.intrinsic.self_bleu import self_bleu
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.provenance import relevant
from polyglot_harness.segmentation import VERSIONS, tokens
from polyglot_harness.spec import LanguagePack, Measurement, RunSpec

SEGMENT = 10_000
"""n-grams that are looked at together."""
GROUP = 200
MAX_GROUPS = 10
ORDERS = (1, 2, 3)


def depends_on(spec: RunSpec, pack: LanguagePack) -> dict[str, Any]:
    """Return the versions of what finds the tokens."""
    return {"versions": relevant(*VERSIONS)}


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return all measurements; what an interruption left is made anew."""
    code, total = data.pack.code, len(data.data)
    groups = draw(total)
    chosen = [i for group in groups for i in group]
    drawn: dict[tuple[Part, int], list[str]] = {(part, i): [] for part in PARTS for i in chosen}
    distinct = {(part, n): Distinct(n) for part in PARTS for n in ORDERS}
    seen = 0
    for block in blocks(data.data):
        for index, sample in enumerate(block, start=seen):
            for part in PARTS:
                text = tokens(getattr(sample, part), code)
                for n in ORDERS:
                    distinct[part, n].add(text)
                if (part, index) in drawn:
                    drawn[part, index] = text
        seen += len(block)
        data.progress(seen, total)
    found = [of.measurement(f"{part}_distinct_{n}", code) for (part, n), of in distinct.items()]
    scores = {f"{part}_self_bleu": np.full(total, np.nan) for part in PARTS}
    for part, (name, of_all) in zip(PARTS, scores.items(), strict=True):
        for group in groups:
            of_all[group] = self_bleu([drawn[part, i] for i in group])
        found.append(_over_groups(name, code, [of_all[group] for group in groups]))
    for start in range(values.rows, total, BLOCK):
        values.add(**{name: of_all[start : start + BLOCK] for name, of_all in scores.items()})
    return tuple(found)


def draw(total: int) -> list[list[int]]:
    """Return the numbers of the texts of each group; the same for each data set of a size."""
    if not total:
        return []
    shape = (min(max(total // GROUP, 1), MAX_GROUPS), min(GROUP, total))
    drawn = np.random.default_rng(0).choice(total, shape, replace=False)
    return [sorted(map(int, group)) for group in drawn]


def _over_groups(name: str, code: str, groups: list[NDArray[np.float64]]) -> Measurement:
    there = [group[np.isfinite(group)] for group in groups]
    means = [float(group.mean()) for group in there if len(group)]
    return mean_of(name, code, means, (("texts", len(groups[0])),) if means else ())


class Distinct:
    """Distinct-n of segments of n-grams that come text by text."""

    def __init__(self, n: int) -> None:
        """Begin with none.

        Args:
            n: Tokens in an n-gram.
        """
        self._n = n
        self._values: list[float] = []
        self._seen: set[tuple[str, ...]] = set()
        self._count = 0

    def add(self, text: Sequence[str]) -> None:
        """Add the n-grams of a text's tokens."""
        grams = list(zip(*(text[i:] for i in range(self._n)), strict=False))
        while grams:
            room = SEGMENT - self._count
            self._seen.update(grams[:room])
            self._count += len(grams[:room])
            grams = grams[room:]
            if self._count == SEGMENT:
                self._values.append(len(self._seen) / SEGMENT)
                self._seen, self._count = set(), 0

    def measurement(self, name: str, code: str) -> Measurement:
        """Return the mean over the segments, or the value of what there is if that is less."""
        if self._values or not self._count:
            return mean_of(name, code, self._values, (("ngrams", SEGMENT),))
        return mean_of(name, code, [len(self._seen) / self._count], (("ngrams", self._count),))
