"""Contamination: n-grams that training data share with the items of evaluation tasks.

The rule is that of GPT-3 (Brown et al. 2020, arXiv 2005.14165, appendix C): a text is contaminated
if it shares 13 consecutive words with an item, in lower case and without punctuation. A text of an
item that is shorter counts as a whole down to 8 words, the smallest n used there; still shorter
ones are not looked for, since texts share so few words by chance.

Where a script has no spaces between words, two characters stand for a word: 26 and 16. The prompts
of the Japanese pack have 1.9 characters for each word of their English originals (translators
reckon with 2 to 2.5), and the 50 characters of GPT-4 (arXiv 2303.08774, appendix C; spaces and
symbols dropped, as here) are 12 English words: about the same amount of text.

What a template or its few-shot examples repeat is no item's own: an n-gram in more than 10 items of
a task, and in more than 1 % of them, is left out. (GPT-3 left out n-grams that met more than 10
training documents, for most were boilerplate and common phrases; counted on the side of the task,
the rule is the same for whatever data are checked.)
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.curation.ngrams import (
    Codes,
    Hashes,
    Positions,
    code_points,
    fold,
    substring_hashes,
)

Unit = Literal["words", "characters"]
CHARACTERS_PER_WORD = 2
SHORTEST = 8
"""Words of the shortest text of an item that is looked for."""
COMMON, COMMON_SHARE = 10, 0.01
"""An n-gram in more items of a task than both of these say belongs to the template."""
GRAM = np.dtype([("whole", "u8"), ("key", "u8"), ("start", "u4"), ("end", "u4")])
"""Hashes of a gram and of its first units, and where it lies in the text of all."""
Grams = NDArray[Any]
"""Shape (n,), of type `GRAM`."""


@dataclass(frozen=True)
class Index:
    """The n-grams of evaluation tasks, as `build_index` makes it."""

    unit: Unit
    shortest: int
    """Units that are looked up at a time: the first ones of each gram."""
    text: str
    """The normalised texts in which the grams lie."""
    keys: Hashes
    """Hash of the first units of each gram, ascending; shape (n,)."""
    spans: NDArray[np.uint32]
    """Start and end of each gram in `text`; shape (n, 2)."""
    digest: str
    """16 hex digits that stand for the grams, for the identity of what was checked with them."""

    def __len__(self) -> int:
        """Return the number of different n-grams."""
        return len(self.keys)

    def overlap(self, text: str) -> str:
        """Return the first n-gram that `text` shares with a task, normalised; "" if none."""
        plain = normalise(text, self.unit)
        codes = code_points(plain)
        starts, ends = windows(codes, self.shortest, self.unit)
        if not len(self) or not len(starts):
            return ""
        hashes = substring_hashes(codes, starts, ends)
        at = np.searchsorted(self.keys, hashes)
        for hit in np.flatnonzero(self.keys.take(at, mode="clip") == hashes):
            start = int(starts[hit])
            for gram in self._grams(int(at[hit])):
                # hashes can collide, and this one speaks of the first units only
                if plain.startswith(gram, start) and self._ends(plain, start + len(gram)):
                    return gram
        return ""

    def _grams(self, position: int) -> Iterator[str]:
        """Yield all grams that share the key at `position`, the first position that has it."""
        key = self.keys[position]
        while position < len(self) and self.keys[position] == key:
            start, end = self.spans[position]
            yield self.text[start:end]
            position += 1

    def _ends(self, plain: str, end: int) -> bool:
        """Whether a unit ends there: the last word of a gram must not be a mere part of one."""
        return self.unit == "characters" or plain[end : end + 1] in ("", " ")


def build_index(tasks: Mapping[str, Iterable[Sequence[str]]], *, n: int, unit: Unit) -> Index:
    """Index the n-grams of evaluation tasks.

    Args:
        tasks: The items of each task, an item as its texts (question, choices, answers), as
            `polyglot_harness.lm.task_texts.task_texts` reads them.
        n: Length of an n-gram in words, at least 1; 13 in the paper. Of characters it is
            `CHARACTERS_PER_WORD` times as many. Below `SHORTEST`, shorter texts do not count.
        unit: `LanguagePack.length_unit`.

    Raises:
        ValueError: If n is below 1.
    """
    if n < 1:
        raise ValueError(f"n-grams of {n} words; valid: 1 or more")
    factor = CHARACTERS_PER_WORD if unit == "characters" else 1
    length, shortest = n * factor, min(n, SHORTEST) * factor
    texts: list[str] = []
    size, kept = 0, [np.empty(0, GRAM)]
    for items in tasks.values():
        found: list[Grams] = []
        for item in items:
            grams = [np.empty(0, GRAM)]
            for text in item:
                texts.append(normalise(text, unit))
                grams.append(_grams_of(texts[-1], length, shortest, unit, offset=size))
                size += len(texts[-1])
            found.append(_first_of_each(np.concatenate(grams)))
        kept.append(_without_template(found))
    grams_of_all = _first_of_each(np.concatenate(kept))
    content = (
        f"{unit} {length} {shortest} ".encode() + grams_of_all["whole"].astype("<u8").tobytes()
    )
    by_key = grams_of_all[np.argsort(grams_of_all["key"], kind="stable")]
    return Index(
        unit=unit,
        shortest=shortest,
        text="".join(texts),
        keys=by_key["key"].copy(),
        spans=np.stack([by_key["start"], by_key["end"]], axis=1),
        digest=hashlib.sha256(content).hexdigest()[:16],
    )


def normalise(text: str, unit: Unit) -> str:
    """Return the letters and digits of a text, in words with one space between, or in one piece.

    NFKC, case folded, without punctuation, symbols, invisible characters, and the Arabic signs
    that are left out as often as not (vowel signs, marks of recitation, tatweel).
    """
    words = fold(text).translate(_LETTERS).split()
    return (" " if unit == "words" else "").join(words)


def windows(codes: Codes, n: int, unit: Unit) -> tuple[Positions, Positions]:
    """Return starts and ends of all runs of `n` units in a normalised text, shape (runs,) each."""
    if unit == "characters":
        starts = np.arange(len(codes))
        ends = starts + 1
    else:
        spaces = np.flatnonzero(codes == ord(" "))
        starts = np.concatenate([[0], spaces + 1])
        ends = np.concatenate([spaces, [len(codes)]])
    return starts[: max(len(starts) - n + 1, 0)], ends[n - 1 :]


def _grams_of(plain: str, length: int, shortest: int, unit: Unit, *, offset: int) -> Grams:
    """Return the n-grams of a normalised text, or the whole text where it is shorter."""
    codes = code_points(plain)
    starts, key_ends = windows(codes, shortest, unit)
    if not len(starts) or not plain:
        return np.empty(0, GRAM)
    starts, ends = windows(codes, min(length, len(starts) + shortest - 1), unit)
    grams = np.empty(len(starts), GRAM)
    grams["whole"] = substring_hashes(codes, starts, ends)
    grams["key"] = substring_hashes(codes, starts, key_ends[: len(starts)])
    grams["start"], grams["end"] = starts + offset, ends + offset
    return grams


def _first_of_each(grams: Grams) -> Grams:
    """Return each gram once, in the order of the hashes."""
    return grams[np.unique(grams["whole"], return_index=True)[1]]


def _without_template(items: Sequence[Grams]) -> Grams:
    """Return the grams of a task's items, without those that too many items have."""
    grams = np.concatenate([np.empty(0, GRAM), *items])
    _, first, count = np.unique(grams["whole"], return_index=True, return_counts=True)
    return grams[first[count <= max(COMMON, COMMON_SHARE * len(items))]]


class _Letters(dict[int, int | None]):
    """What `str.translate` makes of a character: itself or nothing; found on first use."""

    def __missing__(self, code: int) -> int | None:
        char = chr(code)
        arabic = unicodedata.name(char, "").startswith("ARABIC")
        sign = arabic and unicodedata.category(char) == "Mn" or char == "\N{ARABIC TATWEEL}"
        kept = char.isspace() or unicodedata.category(char)[0] in "LMN"
        self[code] = code if kept and not sign else None
        return self[code]


_LETTERS = _Letters()
