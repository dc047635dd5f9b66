"""Near-duplicates, against the exact similarity of all pairs."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from scipy import sparse

from polyglot_harness.curation.duplicates import find_duplicates, jaccard, shingle_set
from polyglot_harness.curation.minhash import PERMUTATIONS, RECALL, rows_per_band, sketch
from polyglot_harness.curation.ngrams import fold
from polyglot_harness.languages import english_prompts, load_pack, pack_folders

LONG = "Explain to a child of eight why the sky is blue in the day and red in the evening."


@pytest.mark.parametrize(
    ("texts", "threshold", "duplicates"),
    [
        ((), 0.8, {}),
        (("one text",), 0.8, {}),
        # equal but for case, white space, compatibility forms
        (("A text.", "another", " a \n TEXT.", "Ａ text."), 0, {2: 0, 3: 0}),
        (("A text.", "another", " a \n TEXT.", "Ａ text."), 0.8, {2: 0, 3: 0}),
        (("A text.", "A text"), 0, {}),
        # shorter than a shingle
        (("abc", "ABC", "abd", "abcd"), 0.5, {1: 0}),
        (("", " ", "\n", "a"), 0.8, {1: 0, 2: 0}),
        (("", " ", "\n", "a"), 0, {1: 0, 2: 0}),
        ((LONG, "x", LONG[:-1] + "!", "y"), 0.8, {2: 0}),
        ((LONG, "x", LONG[:-1] + "!", "y"), 0, {}),
        ((LONG, LONG[:-1] + "!"), 1, {}),
        # other order, same shingles but for those across the join
        ((LONG + " " + LONG[::-1], LONG[::-1] + " " + LONG), 0.8, {1: 0}),
        (("道路も車の屋根もぬれていました。", "道路も車の屋根もぬれていた。"), 0.5, {1: 0}),
        (("torn \ud83d half of it", "torn \ud83d half of it"), 0.8, {1: 0}),
    ],
)  # fmt: skip
def test_table(texts: Sequence[str], threshold: float, duplicates: dict[int, int]) -> None:
    assert find_duplicates(texts, threshold) == duplicates


def test_what_is_like_a_duplicate_stays() -> None:
    """Similarities 2 of 3 between neighbours, 3 of 7 between the first one and the last one."""
    steps = ["abcdefghijklmnopqrstuvwxyz0123456789"[i : i + 24] for i in (0, 4, 8)]
    sets = [shingle_set(step) for step in steps]
    assert jaccard(sets[0], sets[1]) == jaccard(sets[1], sets[2]) == 16 / 24
    assert jaccard(sets[0], sets[2]) == 12 / 28
    assert find_duplicates(steps, 0.6) == {1: 0}
    assert find_duplicates([steps[1], steps[0], steps[2]], 0.6) == {1: 0, 2: 0}
    assert find_duplicates([*steps, steps[1].upper()], 0.6) == {1: 0, 3: 0}


@pytest.mark.parametrize("threshold", [-0.1, 1.01])
def test_threshold_out_of_range(threshold: float) -> None:
    with pytest.raises(ValueError, match="valid: 0"):
        find_duplicates(["a"], threshold)


@cache
def prompts() -> list[str]:
    """Prompts of all packs, each with copies in which more and more words are changed."""
    rng = random.Random(0)
    found = [prompt.prompt for prompt in english_prompts()]
    found += [seed.prompt for code in sorted(pack_folders()) for seed in load_pack(code).seeds]
    vocabulary = [word for prompt in found for word in prompt.split()]
    copies = []
    for prompt in found:
        for changes in (0, 1, 1, 2, 3, 4, 6):
            text = prompt
            for _ in range(changes):
                at = rng.randrange(len(text))
                text = text[:at] + rng.choice(vocabulary)[:8] + text[at + rng.randrange(8) :]
            copies.append(text)
    found += copies
    rng.shuffle(found)
    return found


@cache
def similarities() -> np.ndarray:
    """The exact Jaccard similarity of all pairs of the prompts."""
    sets = [shingle_set(fold(prompt)) for prompt in prompts()]
    numbers: dict[str, int] = {}
    columns = [numbers.setdefault(s, len(numbers)) for members in sets for s in members]
    sizes = np.array([len(members) for members in sets])
    rows = np.repeat(np.arange(len(sets)), sizes)
    matrix = sparse.csr_array((np.ones(len(rows), dtype=np.int32), (rows, columns)))
    shared = (matrix @ matrix.T).toarray()
    return shared / (sizes[:, None] + sizes[None, :] - shared)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.65, 0.8, 0.9, 0.95, 1.0])
def test_against_all_pairs(threshold: float) -> None:
    exact = similarities()
    found = find_duplicates(prompts(), threshold)
    assert len(exact) > 3000
    for position, original in found.items():
        # no false ones, and the original is itself none
        assert original < position
        assert exact[position, original] >= threshold
        assert original not in found
    kept = np.array([i not in found for i in range(len(exact))])
    first = [np.argmax(kept[:i] & (exact[i, :i] >= threshold)) for i in range(1, len(exact))]
    alike = {i: at for i, at in enumerate(first, 1) if kept[at] and exact[i, at] >= threshold}
    right = sum(found.get(position) == original for position, original in alike.items())
    assert len(alike) > 400
    assert right / len(alike) >= 0.98


def test_pairs_at_the_threshold_are_found() -> None:
    """Only those near it, for it is easy to find copies that are all but equal."""
    exact, texts = similarities(), prompts()
    first, second = np.nonzero(np.triu((exact >= 0.8) & (exact < 0.84), 1))
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))[:400]
    assert len(pairs) > 200
    found = sum(find_duplicates([texts[a], texts[b]], 0.8) == {1: 0} for a, b in pairs)
    assert found / len(pairs) >= 0.97


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.7, 0.8, 0.9, 0.99])
def test_rows_per_band(threshold: float) -> None:
    def recall(rows: int) -> float:
        return 1 - (1 - threshold**rows) ** (PERMUTATIONS // rows)

    best = rows_per_band(threshold)
    assert recall(best) >= RECALL
    assert all(recall(rows) < RECALL for rows in range(best + 1, PERMUTATIONS + 1))


def test_bounds_are_bounds() -> None:
    """Also for texts longer than the bitmap, and for those that repeat their shingles."""
    rng = random.Random(1)
    texts = [*prompts()[:300], *(" ".join(rng.sample(prompts(), 30)) for _ in range(30)), "na" * 99]
    texts += [f"{text} {text[:40]}" for text in texts[-100:]]
    sketches, sets = sketch(texts, 0.8), [shingle_set(fold(text)) for text in texts]
    everything = np.arange(len(texts), dtype=np.int32)
    tight = 0
    for position, own in enumerate(sets):
        bounds = sketches.bounds(position, everything)
        exact = np.array([jaccard(own, other) for other in sets])
        assert (bounds >= exact).all()
        tight += int((bounds < 0.8).sum())
    assert tight > 0.9 * len(texts) ** 2


CODE = """
from test_duplicates import prompts
from polyglot_harness.curation.duplicates import find_duplicates
print(sorted(find_duplicates(prompts()[:1000], 0.7).items()))
"""


def test_every_process_finds_the_same() -> None:
    found = [
        subprocess.run(
            [sys.executable, "-c", CODE],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        ).stdout
        for seed in ("1", "2")
    ]
    assert found[0] == found[1] == f"{sorted(find_duplicates(prompts()[:1000], 0.7).items())}\n"


class Lazy(Sequence[str]):
    """Texts of 200 characters that exist only while they are read, every other one a copy."""

    def __len__(self) -> int:
        return 8_000

    def __getitem__(self, position: int) -> str:  # type: ignore[override]
        return f"{random.Random(position // 2).getrandbits(796):0199x}" + "!" * (position % 2)


def test_the_texts_are_not_kept() -> None:
    """The sketches alone: 13 bands of 8 bytes, 128 bytes of bitmap, numbers of the bands."""
    tracemalloc.start()
    try:
        found = find_duplicates(Lazy(), 0.8)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == {position: position - 1 for position in range(1, 8_000, 2)}
    assert peak < 700 * 8_000
