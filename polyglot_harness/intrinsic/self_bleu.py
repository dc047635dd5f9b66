"""BLEU of each text of a group against all others, in time linear in the tokens.

Self-BLEU (Zhu et al. 2018, arXiv 1802.01886) gives each text all others as references. What BLEU
needs of them is, for each n-gram, the highest count in one of them: the highest in the whole group,
or the second highest for the text that holds it. So the numbers are those of sacrebleu, which would
count all n-grams of the group anew for each text.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import chain

ORDER = 4
Gram = tuple[str, ...]


def self_bleu(texts: Sequence[Sequence[str]]) -> list[float]:
    """Return the sentence BLEU (0-1) of each text with all others as references.

    Args:
        texts: Tokens of each text. One without tokens is no reference to others.

    Returns:
        Its BLEU with exponential smoothing and effective order (sacrebleu's ``sentence_bleu``);
        NaN for a text without tokens, and where there is no other.
    """
    from sacrebleu.metrics.bleu import BLEU

    filled = sum(map(bool, texts))
    counts = [_counts(text) for text in texts]
    highest = _highest(counts)
    lengths = Counter(len(text) for text in texts if text)
    found: list[float] = []
    for i, (text, own) in enumerate(zip(texts, counts, strict=True)):
        if not text or filled < 2:
            found.append(math.nan)
            continue
        correct = [0] * ORDER
        for gram, count in own.items():
            first, holder, second = highest[gram]
            correct[len(gram) - 1] += min(count, second if holder == i else first)
        total = [max(len(text) - n, 0) for n in range(ORDER)]
        score = BLEU.compute_bleu(
            correct, total, len(text), _closest(len(text), lengths), "exp", effective_order=True
        )
        # rounding of the logarithms must not make it more than 1
        found.append(min(float(score.score) / 100, 1.0))
    return found


def _counts(text: Sequence[str]) -> Counter[Gram]:
    return Counter(chain.from_iterable(zip(*(text[i:] for i in range(n)), strict=False)
                                       for n in range(1, ORDER + 1)))  # fmt: skip


def _highest(counts: Sequence[Counter[Gram]]) -> dict[Gram, tuple[int, int, int]]:
    """Return of each n-gram: its highest count in a text, that text, the highest in another."""
    highest: dict[Gram, tuple[int, int, int]] = {}
    for i, own in enumerate(counts):
        for gram, count in own.items():
            first, holder, second = highest.get(gram, (0, -1, 0))
            if count > first:
                highest[gram] = (count, i, first)
            elif count > second:
                highest[gram] = (first, holder, count)
    return highest


def _closest(length: int, lengths: Counter[int]) -> int:
    """Return the length of another text that is closest to one's own; the shorter of two."""
    others = (other for other, n in lengths.items() if n > (other == length))
    return min(others, key=lambda other: (abs(other - length), other))
