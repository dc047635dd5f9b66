"""Duplicates and near-duplicates: texts whose sets of character 5-grams are alike.

Sketches (`minhash`) find the candidates, the exact Jaccard similarity decides: what is called a
duplicate is one, and only whether all are found is a matter of chance, and of better than 99 %.
Near-duplicates are removed from training data like this, by word 5-grams, in Lee et al. 2022
(arXiv 2107.06499, section 4.2); characters serve scripts without spaces, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.curation.minhash import SHINGLE, sketch
from polyglot_harness.curation.ngrams import Hashes, fold


def find_duplicates(texts: Sequence[str], threshold: float) -> dict[int, int]:
    """Find texts that repeat an earlier one.

    A text is a duplicate of the first earlier text that is no duplicate itself, and that is equal
    but for case, white space and compatibility forms, or as similar as the threshold says. So of
    copies the first one stays; and what is like a duplicate, but not like the text that this one
    duplicates, stays too. The result depends on nothing but the texts and their order.

    Args:
        texts: Read by position, some of them more than once. About 300 bytes of each are kept,
            not the texts: a sequence that reads from a file will do.
        threshold: Jaccard similarity from which two texts are duplicates; 0 for equal ones only.

    Returns:
        The position of each duplicate, ascending, and that of the text that it duplicates.

    Raises:
        ValueError: If the threshold is not in 0 to 1.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold {threshold}; valid: 0 (equal texts only) to 1")

    @lru_cache(maxsize=32)  # the first of many copies is compared with all of them
    def shingles(position: int) -> frozenset[str]:
        return shingle_set(fold(texts[position]))

    def same(a: int, b: int) -> bool:
        if threshold:
            return jaccard(shingles(a), shingles(b)) >= threshold
        return fold(texts[a]) == fold(texts[b])

    sketches = sketch(texts, threshold)
    shared = _Shared(sketches.bands)
    duplicates: dict[int, int] = {}
    for position in shared.positions:
        earlier = shared.kept_beside(position)
        if threshold and len(earlier):
            earlier = earlier[sketches.bounds(position, earlier) >= threshold]
        original = next((other for other in earlier.tolist() if same(position, other)), None)
        if original is None:
            shared.keep(position)
        else:
            duplicates[position] = original
    return duplicates


def shingle_set(text: str) -> frozenset[str]:
    """Return the different substrings of `SHINGLE` characters, or the text if it has fewer."""
    return frozenset(text[i : i + SHINGLE] for i in range(max(len(text) - SHINGLE + 1, 1)))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """Return the share of the elements of two sets, not both empty, that are in both."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)


class _Shared:
    """The values of bands that several texts have, each with the texts of it that are kept so far.

    In arrays rather than a dict of lists: how many a value can have is known from the start.
    """

    def __init__(self, bands: Hashes) -> None:
        """Number the values that several texts of a column have; -1 stands for all others."""
        self._numbers = np.full(bands.shape, -1, dtype=np.int32)
        used, room = 0, [np.zeros(1, dtype=np.int64)]
        for column in range(bands.shape[1]):
            _, value, count = np.unique(bands[:, column], return_inverse=True, return_counts=True)
            several = count > 1
            self._numbers[:, column] = np.where(several, used + np.cumsum(several) - 1, -1)[value]
            used += int(several.sum())
            room.append(count[several])
        starts = np.cumsum(np.concatenate(room))
        self._starts, self._filled = starts[:-1], np.zeros(used, dtype=np.int64)
        self._kept = np.empty(starts[-1], dtype=np.int32)
        self.positions: list[int] = np.flatnonzero((self._numbers >= 0).any(axis=1)).tolist()
        """The texts that share a value at all."""

    def keep(self, position: int) -> None:
        """Let later texts find this one."""
        own = self._own(position)
        self._kept[self._starts[own] + self._filled[own]] = position
        self._filled[own] += 1

    def kept_beside(self, position: int) -> NDArray[np.int32]:
        """Return the kept texts that share a value with this one, in order."""
        own = self._own(position)
        starts, filled = self._starts[own].tolist(), self._filled[own].tolist()
        runs = [self._kept[at : at + n] for at, n in zip(starts, filled, strict=True)]
        return np.unique(np.concatenate(runs))

    def _own(self, position: int) -> NDArray[np.int32]:
        numbers: NDArray[np.int32] = self._numbers[position]
        return np.compress(numbers >= 0, numbers)
