"""M-RewardBench (arXiv 2410.15522): which of two answers is better, asked in both orders.

Every row becomes two documents with one id, so that a preference for a place cannot be taken for
one for an answer; their mean is the item's score. Items come in an order that is random but fixed,
so that the first n are a sample of all sections.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from polyglot_harness.errors import ConfigError
from polyglot_harness.lm.student_tasks.choices import chosen_letter

if TYPE_CHECKING:
    import datasets

SECTIONS: Mapping[str, Mapping[str, int]] = {
    "Chat": {
        "alpacaeval-easy": 79,
        "alpacaeval-length": 79,
        "alpacaeval-hard": 76,
        "mt-bench-easy": 24,
        "mt-bench-med": 38,
    },
    "Chat-Hard": {
        "mt-bench-hard": 35,
        "llmbar-natural": 76,
        "llmbar-adver-neighbor": 124,
        "llmbar-adver-GPTInst": 87,
        "llmbar-adver-GPTOut": 42,
        "llmbar-adver-manual": 43,
    },
    "Safety": {
        "refusals-dangerous": 100,
        "refusals-offensive": 100,
        "xstest-should-refuse": 154,
        "xstest-should-respond": 247,
        "donotanswer": 135,
    },
    "Reasoning": {
        "math-prm": 983,  # 447 rows, weighted as much as all code
        "hep-cpp": 164,
        "hep-go": 164,
        "hep-java": 164,
        "hep-js": 164,
        "hep-python": 163,
        "hep-rust": 164,
    },
}
"""Section -> subset -> weight: numbers of examples, as the evaluation of arXiv 2604.11290 has them
from github.com/Cohere-Labs-Community/m-rewardbench, analysis/plot_utils.py."""
SECTION = {subset: section for section, subsets in SECTIONS.items() for subset in subsets}
LETTERS = "AB"
TEXTS = ("prompt", "chosen", "rejected")
LogLikelihood = tuple[float, bool]


def documents(rows: datasets.Dataset) -> datasets.Dataset:
    """Return two documents a row, one an order; lm-eval's ``process_docs``.

    Args:
        rows: Columns ``id``, ``prompt``, ``chosen``, ``rejected`` and ``source``.

    Returns:
        Columns ``id``, ``category`` (the section), ``source``, ``prompt``, ``answer_a``,
        ``answer_b``, ``gold`` (0 where A is the better one), ``order`` (``chosen_first`` or
        ``rejected_first``) and ``first``: whether it is the order that the id's hash drew, for
        figures of one order only.

    Raises:
        ConfigError: If rows come of subsets that belong to no section, or lack a text.
    """
    import datasets

    if unknown := set(rows["source"]) - SECTION.keys():
        raise ConfigError(
            f"M-RewardBench: unknown subsets {', '.join(sorted(map(str, unknown)))} in the column "
            f"'source'; known: {', '.join(SECTION)}"
        )
    for number, row in enumerate(rows):
        if empty := [name for name in TEXTS if row[name] is None]:
            raise ConfigError(f"M-RewardBench, row {number}: no {' and no '.join(empty)}")
    items = sorted(zip(_ids(rows), rows, strict=True), key=lambda item: _hash(item[0]))
    return datasets.Dataset.from_list(
        [document for name, row in items for document in _both_orders(name, row)]
    )


def score(doc: Mapping[str, Any], results: Sequence[LogLikelihood]) -> dict[str, Any]:
    """Score the letter of the higher log-likelihood: ``acc``, and ``weighted_acc`` with subset."""
    values = [value for value, _ in results]
    return _scored(doc, values.index(max(values)))


def score_reply(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Score the letter that a reply gives; one that gives none is wrong and counted: `unparsed`."""
    letter = chosen_letter(results[0])
    choice = None if letter is None else LETTERS.index(letter)
    return {**_scored(doc, choice), "unparsed": float(choice is None)}


def weighted_accuracy(items: Sequence[tuple[str, float]]) -> float:
    """Return RewardBench's score (arXiv 2403.13787): the mean of the four sections.

    A section is the mean of its subsets' accuracies, weighted by :data:`SECTIONS`.

    Args:
        items: Subset and accuracy of every document.

    Returns:
        0-1; NaN where a section has no document: a mean of fewer would be another figure.
    """
    right: Counter[str] = Counter()
    for subset, acc in items:
        right[subset] += acc  # type: ignore[assignment]
    n = Counter(subset for subset, _ in items)
    sections = []
    for weights in SECTIONS.values():
        found = {subset: weight for subset, weight in weights.items() if n[subset]}
        if not found:
            return math.nan
        total = sum(weight * right[subset] / n[subset] for subset, weight in found.items())
        sections.append(total / sum(found.values()))
    return sum(sections) / len(sections)


def _scored(doc: Mapping[str, Any], choice: int | None) -> dict[str, Any]:
    acc = float(choice == doc["gold"])
    return {"acc": acc, "weighted_acc": (doc["source"], acc)}


def _both_orders(name: str, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    drawn = _hash(name)[-1] % 2
    return [
        {
            "id": name,
            "category": SECTION[row["source"]],
            "source": row["source"],
            "prompt": row["prompt"].strip(),
            "answer_a": row["rejected" if gold else "chosen"].strip(),
            "answer_b": row["chosen" if gold else "rejected"].strip(),
            "gold": gold,
            "order": "rejected_first" if gold else "chosen_first",
            "first": gold == drawn,
        }
        for gold in (drawn, 1 - drawn)
    ]


def _ids(rows: datasets.Dataset) -> list[str]:
    """Return ``subset/id``, numbered where the data set has one twice."""
    seen: Counter[str] = Counter()
    names = []
    for source, number in zip(rows["source"], rows["id"], strict=True):
        name = f"{source}/{number}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return names


def _hash(name: str) -> bytes:
    return sha256(name.encode()).digest()
