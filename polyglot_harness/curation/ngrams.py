"""Hashes of substrings, all at once: of word n-grams, of character n-grams, of shingles.

A text becomes one array of prefix sums of ``code * BASE**position`` modulo 2**64 (the rolling hash
of Karp and Rabin 1987, doi 10.1147/rd.312.0249), from which numpy takes the hash of any number of
substrings without a loop in Python. A hash depends on the text alone: not on the process, the
machine or ``PYTHONHASHSEED``. Two texts may share one, so equal hashes make a candidate, no match.
"""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint32]
Hashes = NDArray[np.uint64]
Positions = NDArray[np.int64]

BASE = 0x9E3779B97F4A7C15
"""Odd, for it needs an inverse modulo 2**64; otherwise arbitrary."""


def fold(text: str) -> str:
    """Return a text without differences of compatibility forms (NFKC), case and white space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def code_points(text: str) -> Codes:
    """Return the code points of a text, shape (len(text),); lone surrogates are let through."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def substring_hashes(codes: Codes, starts: Positions, ends: Positions) -> Hashes:
    """Hash substrings of one text.

    Args:
        codes: Code points of the text.
        starts: Position of the first character of each substring, shape (n,).
        ends: Position after its last one, shape (n,).

    Returns:
        64 bits each, shape (n,); equal substrings have equal hashes, in whatever text and place.
    """
    powers, inverses = _powers(1 << len(codes).bit_length())
    prefix = np.zeros(len(codes) + 1, dtype=np.uint64)
    np.cumsum(codes * powers[: len(codes)], out=prefix[1:])
    return mix((prefix[ends] - prefix[starts]) * inverses[starts])


def mix(values: Hashes) -> Hashes:
    """Spread each value over all 64 bits (finaliser of SplitMix64, doi 10.1145/2660193.2660195)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@cache
def _powers(size: int) -> tuple[Hashes, Hashes]:
    """Return BASE**i and BASE**-i modulo 2**64 for i < size."""
    # callers round sizes up to powers of two, so that few tables are kept
    return _table(BASE, size), _table(pow(BASE, -1, 2**64), size)


def _table(base: int, size: int) -> Hashes:
    factors = np.full(size, base, dtype=np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)
