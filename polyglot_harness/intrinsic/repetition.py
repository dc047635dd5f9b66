"""Repetition: how much of the text is said before; compression ratios, > 0, lower is better.

- ``prompt_compression_ratio`` and ``response_compression_ratio``: UTF-8 bytes of all texts, a line
  break after each, over the size of the whole when compressed by zlib (Shaib et al. 2024, arXiv
  2403.00553): what one text repeats of the texts before it, as far as 32 kB back. Natural text has
  2 to 3. Texts of other scripts have other bytes: compare within a language. The standard error is
  that of a delete-a-group jackknife (Wolter 2007, chapter 4): `GROUPS` groups of every
  `GROUPS`-th text, the ratio of all texts but those of a group for each of them; the interval is
  1.96 of them to either side. Beyond `MOST` texts it is that of every k-th one, scaled to all; none
  for fewer than `LEAST`.
- ``response_compression``: the mean over examples of the ratio of the response alone; repetition
  within a text. Texts under 100 bytes hardly compress, so that they have about 1 or less.
- ``response_rep_4``: the mean over examples of 1 - distinct 4-grams / 4-grams of tokens (seq-rep-4
  of Welleck et al. 2019, arXiv 1908.04319); 0-1. Missing for fewer than four tokens.

Columns: ``response_compression``, ``response_rep_4``.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from statistics import variance
from typing import Any

from polyglot_harness.intrinsic import PARTS, MeasureInput
from polyglot_harness.intrinsic.estimate import mean
from polyglot_harness.intrinsic.samples import blocks
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.provenance import relevant
from polyglot_harness.segmentation import VERSIONS, tokens
from polyglot_harness.spec import LanguagePack, Measurement, RunSpec

GROUPS = 16
LEAST = 2 * GROUPS
MOST = 200 * GROUPS
"""Each of them is compressed `GROUPS` times."""
LEVEL = 9


def depends_on(spec: RunSpec, pack: LanguagePack) -> dict[str, Any]:
    """Return the versions of what compresses, and of what finds the tokens."""
    return {"versions": [*relevant(*VERSIONS), ("zlib", zlib.ZLIB_RUNTIME_VERSION)]}


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return the four measurements.

    The ratios of all texts need all of them in one go: after an interruption they are made anew.
    """
    code = data.pack.code
    ratios = {part: CompressionRatio(len(data.data)) for part in PARTS}
    seen = 0
    for block in blocks(data.data):
        for sample in block:
            ratios["prompt"].add(sample.prompt)
            ratios["response"].add(sample.response)
        if seen == values.rows:
            values.add(
                response_compression=[compression(s.response) for s in block],
                response_rep_4=[rep_4(tokens(s.response, code)) for s in block],
            )
        seen += len(block)
        data.progress(seen, len(data.data))
    return (
        *(ratios[part].measurement(f"{part}_compression_ratio", code) for part in PARTS),
        *(mean(name, code, values, name) for name in ("response_compression", "response_rep_4")),
    )


class CompressionRatio:
    """The compression ratio of many texts together, in one memory for any number."""

    def __init__(self, total: int) -> None:
        """Begin with none.

        Args:
            total: How many there will be.
        """
        self._step = -(-total // MOST) or 1
        self._whole = _Stream()
        self._without = [_Stream() for _ in range(GROUPS)]
        self._n = self._grouped = 0

    def add(self, text: str) -> None:
        """Add a text."""
        line = text.encode() + b"\n"
        self._whole.add(line)
        if self._n % self._step == 0:
            for group, others in enumerate(self._without):
                if group != self._grouped % GROUPS:
                    others.add(line)
            self._grouped += 1
        self._n += 1

    def measurement(self, name: str, code: str) -> Measurement:
        """Return the ratio; nothing may be added after it."""
        value = self._whole.ratio() if self._n else None
        if value is None or self._n < LEAST:
            return Measurement(name=name, language=code, value=value, stderr=None, n=self._n)
        ratios = [others.ratio() for others in self._without]
        jackknife = math.sqrt(variance(ratios) / GROUPS) * (GROUPS - 1)
        stderr = jackknife * math.sqrt(self._grouped / self._n)
        low, high = value - 1.96 * stderr, value + 1.96 * stderr
        return Measurement(
            name=name, language=code, value=value, stderr=stderr, n=self._n, low=low, high=high
        )


class _Stream:
    """Bytes in, and how many come out."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj(LEVEL)
        self._read = self._written = 0

    def add(self, data: bytes) -> None:
        self._read += len(data)
        self._written += len(self._compressor.compress(data))

    def ratio(self) -> float:
        self._written += len(self._compressor.flush())
        return self._read / self._written


def compression(text: str) -> float | None:
    """Return bytes / compressed bytes of one text; None of an empty one."""
    data = text.encode()
    return len(data) / len(zlib.compress(data, LEVEL)) if data else None


def rep_4(words: Sequence[str]) -> float | None:
    """Return the share of 4-grams that repeat an earlier one; None for fewer than four words."""
    grams = list(zip(words, words[1:], words[2:], words[3:], strict=False))
    return 1 - len(set(grams)) / len(grams) if grams else None
