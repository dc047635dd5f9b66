"""Claims: contamination and near-duplicates are found quickly enough, and in little memory.

Contamination: ``Index.overlap`` against a Python set of n-grams (tuples of words, strings of
characters), with 100,000 n-grams in the index. The set knows whole n-grams only; ours also shorter
items, and it unifies Unicode forms. One text in fifty is contaminated. Near-duplicates:
``find_duplicates`` against datasketch's ``MinHashLSH`` and rensa's ``RMinHashDeduplicator`` (``pip
install datasketch rensa``; without one, it is left out), all with 64 permutations of character
5-grams and a threshold of 0.8. Ours compares candidates exactly, the others estimate. The texts are
sentences of the packs' seeds, put together anew; for duplicates, one in ten is a changed copy.
Memory is the peak of what Python and numpy allocate, in a run of its own (tracemalloc, which does
not see what rensa keeps).

    python benchmarks/curation.py [--repeats 3] [--texts 20000] [--checked 2000]
"""

from __future__ import annotations

import argparse
import random
import re
import tracemalloc
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from _timing import interleave, machine, report

from polyglot_harness.curation.contamination import CHARACTERS_PER_WORD, Unit, build_index
from polyglot_harness.curation.duplicates import find_duplicates, jaccard, shingle_set
from polyglot_harness.curation.ngrams import fold
from polyglot_harness.languages import load_pack, pack_folders

N, GRAMS, THRESHOLD, PERMUTATIONS = 13, 100_000, 0.8, 64
ENDS = re.compile(r"(?<=[.!?。؟])\s*")
Finder = Callable[[list[str]], int]


def sentences(code: str) -> list[str]:
    """Return the sentences of a pack's seeds."""
    texts = [text for seed in load_pack(code).seeds for text in (seed.prompt, seed.response)]
    return [part for text in texts for part in ENDS.split(text) if len(part) > 10]


def compose(code: str, parts: list[str], size: int, count: int, seed: int) -> list[str]:
    """Return texts of `size` sentences, in each of which a few words change places."""
    rng, texts = random.Random(seed), []  # noqa: S311
    space = "" if code == "ja" else " "
    for _ in range(count):
        chosen = space.join(rng.choices(parts, k=size))
        units = list(chosen) if code == "ja" else chosen.split()
        cut = rng.randrange(len(units))
        units[cut : cut + 12] = rng.sample(units, min(12, len(units)))
        texts.append(space.join(units))
    return texts


def plain_grams(text: str, unit: Unit) -> set[Any]:
    """Return n-grams as one would write it down."""
    plain = re.sub(r"[^\w\s]", "", text.lower())
    if unit == "words":
        words = plain.split()
        return {tuple(words[i : i + N]) for i in range(len(words) - N + 1)}
    plain, n = "".join(plain.split()), N * CHARACTERS_PER_WORD
    return {plain[i : i + n] for i in range(len(plain) - n + 1)}


def all_grams(texts: list[str], unit: Unit) -> set[Any]:
    """Return the index of the other side."""
    return set().union(*(plain_grams(text, unit) for text in texts))


def datasketch_finder() -> Finder:
    """Return the search by datasketch."""
    from datasketch import MinHash, MinHashLSH

    def find(texts: list[str]) -> int:
        lsh, found = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS), 0
        for position, text in enumerate(texts):
            sketch = MinHash(num_perm=PERMUTATIONS)
            sketch.update_batch([shingle.encode() for shingle in shingle_set(fold(text))])
            if any(
                sketch.jaccard(other) >= THRESHOLD for other in map(kept.get, lsh.query(sketch))
            ):
                found += 1
            else:
                kept[position] = sketch
                lsh.insert(position, sketch)
        kept.clear()
        return found

    kept: dict[int, Any] = {}
    return find


def rensa_finder() -> Finder:
    """Return the search by rensa."""
    from rensa import RMinHashDeduplicator

    def find(texts: list[str]) -> int:
        search = RMinHashDeduplicator(THRESHOLD, PERMUTATIONS, True)
        keep = search.add_pairs(
            (str(i), list(shingle_set(fold(text)))) for i, text in enumerate(texts)
        )
        return len(texts) - sum(map(bool, keep))

    return find


def peak(call: Callable[[], object]) -> tuple[float, float]:
    """Return the peak of what a call allocates, and what is left of it with its result, in MB."""
    tracemalloc.start()
    try:
        result = call()
        left, most = tracemalloc.get_traced_memory()
        del result
        return most / 1e6, left / 1e6
    finally:
        tracemalloc.stop()


def contamination(code: str, unit: Unit, checked: int, repeats: int) -> None:
    """Measure the search for shared n-grams."""
    parts = sentences(code)
    tasks, known = [], set[Any]()
    for text in compose(code, parts[::2], 3, 20_000, seed=1):
        tasks.append(text)
        known |= plain_grams(text, unit)
        if len(known) >= GRAMS:
            break
    # each text is a task of its own, so that nothing counts as a template
    items = {str(i): [(text,)] for i, text in enumerate(tasks)}
    index = build_index(items, n=N, unit=unit)
    made = {
        "ours": peak(partial(build_index, items, n=N, unit=unit)),
        "set": peak(partial(all_grams, tasks, unit)),
    }
    print(f"\ncontamination, {code}: {len(index)} n-grams ours, {len(known)} in the set")
    for name, (_, memory) in made.items():
        print(f"  {name:<34} {memory:9.1f} MB index")
    for size in (3, 12):
        texts = compose(code, parts[1::2], size, checked, seed=2)
        texts[::50] = [f"{a} {b}" for a, b in zip(texts[::50], tasks, strict=False)]
        calls = {
            "ours": partial(count, lambda text: bool(index.overlap(text)), texts),
            "set": partial(count, lambda t: not known.isdisjoint(plain_grams(t, unit)), texts),
        }
        found = ", ".join(f"{name} {call()}" for name, call in calls.items())
        runs = interleave(calls, repeats)
        length = sum(map(len, texts)) / checked
        report(f"{checked} texts of {length:.0f} characters, contaminated: {found}", runs, "ours")
        for name, seconds in runs.items():
            print(f"  {name:<34} {checked / median(seconds):9.0f} texts/s")


def count(test: Callable[[str], bool], texts: list[str]) -> int:
    """Count the texts that pass a test."""
    return sum(map(test, texts))


def duplicates(number: int, repeats: int) -> None:
    """Measure the search for near-duplicates."""
    rng, texts = random.Random(3), []  # noqa: S311
    for code in sorted(pack_folders()):
        for text in compose(code, sentences(code), 3, number // 6, seed=4):
            if texts and rng.random() < 0.1:
                copied = rng.choice(texts[-500:])
                at = rng.randrange(len(copied))
                text = copied[:at] + text[: rng.randrange(12)] + copied[at + 4 :]
            texts.append(text)
    finders: dict[str, Finder] = {"ours": lambda texts: len(find_duplicates(texts, THRESHOLD))}
    for name, make in (("datasketch", datasketch_finder), ("rensa", rensa_finder)):
        try:
            finders[name] = make()
        except ImportError:
            print(f"{name} is not installed (pip install {name}): left out")
    calls = {name: partial(find, texts) for name, find in finders.items()}
    size = sum(map(len, texts)) / len(texts)
    print(f"\nduplicates of {len(texts)}: " + ", ".join(f"{n} {c()}" for n, c in calls.items()))
    pairs = find_duplicates(texts, THRESHOLD).items()
    false = sum(
        jaccard(shingle_set(fold(texts[a])), shingle_set(fold(texts[b]))) < THRESHOLD
        for a, b in pairs
    )
    print(f"  ours less similar than {THRESHOLD}: {false}")
    runs = interleave(calls, repeats)
    report(f"{len(texts)} texts of {size:.0f} characters", runs, "ours")
    for name, seconds in runs.items():
        memory = peak(calls[name])[0]
        print(f"  {name:<34} {len(texts) / median(seconds):9.0f} texts/s, {memory:.1f} MB at most")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--texts", type=int, default=20_000, help="searched for duplicates")
    parser.add_argument("--checked", type=int, default=2000, help="checked for contamination")
    args = parser.parse_args()
    print(machine())
    contamination("de", "words", args.checked, args.repeats)
    contamination("ja", "characters", args.checked, args.repeats)
    duplicates(args.texts, args.repeats)


if __name__ == "__main__":
    main()
