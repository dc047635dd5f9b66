"""Sketches of texts, by which pairs that may be similar are found without comparing all.

MinHash signatures (Broder 1997, doi 10.1109/SEQUEN.1997.666900) in bands, for locality-sensitive
hashing (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, section 3.4); and bitmaps, from
which an upper bound of the similarity follows (Sandes, Teodoro and Melo, arXiv 1711.07295). The
signatures are rensa's; a change of its hashes could only change which candidates are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from polyglot_harness.curation.ngrams import Hashes, code_points, fold, mix, substring_hashes
from polyglot_harness.files import storable

SHINGLE = 5
"""Characters; a shorter text is its own only shingle."""
PERMUTATIONS = 64
RECALL = 0.99
"""Chance that two texts just as similar as the threshold share a band; with more, it is higher."""
BITS = 1024
"""Of a bitmap: several times the shingles of a prompt, else the bound says little."""
SEED = 1
"""Of the permutations."""


@dataclass(frozen=True)
class Sketches:
    """What is kept of n texts."""

    bands: Hashes
    """Hash of the text, then those of its bands; shape (n, 1 + bands)."""
    bitmaps: Hashes
    """One bit for each hashed shingle, shape (n, BITS / 64)."""
    sizes: NDArray[np.int64]
    """Shingles, repeated ones included; shape (n,)."""

    def bounds(self, position: int, others: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return upper bounds of the Jaccard similarity of a text to others; shape (others,)."""
        # each bit that differs is at least one shingle that only one of the two has
        differ = np.bitwise_count(self.bitmaps[others] ^ self.bitmaps[position])
        apart = differ.sum(axis=1, dtype=np.int64)
        both = self.sizes[others] + self.sizes[position]
        return np.asarray((both - apart) / (both + apart))


def sketch(texts: Sequence[str], threshold: float) -> Sketches:
    """Sketch texts for a search by similarity; a threshold of 0 leaves only the texts' hashes."""
    rows = rows_per_band(threshold) if threshold else 0
    count = PERMUTATIONS // rows if rows else 0
    bands = np.empty((len(texts), 1 + count), dtype=np.uint64)
    bitmaps = np.zeros((len(texts), BITS // 64 if rows else 0), dtype=np.uint64)
    sizes = np.zeros(len(texts), dtype=np.int64)
    weights = mix(np.arange(1, rows + 1, dtype=np.uint64)) | np.uint64(1)
    for position in range(len(texts)):
        text = fold(texts[position])
        codes = code_points(text)
        starts = np.arange(max(len(codes) - SHINGLE + 1, 1) if rows else 0)
        ends = np.minimum(starts + SHINGLE, len(codes))
        hashes = substring_hashes(codes, np.append(starts, 0), np.append(ends, len(codes)))
        bands[position, 0], hashes = hashes[-1], hashes[:-1]
        if rows:
            signature = _signature(text)[: count * rows].reshape(count, rows)
            bands[position, 1:] = mix((signature * weights).sum(axis=1))
            bitmaps[position] = _bitmap(hashes)
            sizes[position] = len(hashes)
    return Sketches(bands=bands, bitmaps=bitmaps, sizes=sizes)


def rows_per_band(threshold: float) -> int:
    """Return the most rows a band may have for `RECALL`: with more rows, fewer false candidates.

    Two texts of similarity s share a band of r rows with probability s**r, and one of b bands with
    1 - (1 - s**r)**b.
    """
    rows = range(1, PERMUTATIONS + 1)
    good = (r for r in rows if 1 - (1 - threshold**r) ** (PERMUTATIONS // r) >= RECALL)
    return max(good, default=1)


def _signature(text: str) -> Hashes:
    """Return the minimum of each permutation, shape (PERMUTATIONS,)."""
    sketch = RMinHash(num_perm=PERMUTATIONS, seed=SEED)
    text = storable(text)  # rensa takes no half of a surrogate pair
    sketch.update([text[i : i + SHINGLE] for i in range(max(len(text) - SHINGLE + 1, 1))])
    return np.array(sketch.digest(), dtype=np.uint64)


def _bitmap(hashes: Hashes) -> Hashes:
    bits = np.zeros(BITS, dtype=bool)
    bits[hashes % np.uint64(BITS)] = True
    return np.packbits(bits).view(np.uint64)
