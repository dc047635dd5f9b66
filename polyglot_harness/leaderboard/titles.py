"""Names of boards: as few words as tell each from the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

FIRST = ("student", "mixture", "n", "strat", "sft", "ref", "base", "source", "tasks", "intr")
"""What is looked at first; then the other fields of the signatures, by name."""
PLAIN = ("student", "mixture")
"""Shown without their names."""
ALWAYS = "student"


def titles(facts: Sequence[Mapping[str, str]]) -> list[str]:
    """Return a title a board, e.g. ``smollm2-135m · pinch:40 · n 24``.

    A field is part of the titles only where boards of the same title so far differ in it.

    Args:
        facts: Name -> value of each board: student, mixture, and the conditions.
    """
    names = dict.fromkeys((*FIRST, *sorted({name for fact in facts for name in fact})))
    parts: list[list[str]] = [[] for _ in facts]
    for name in names:
        alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for i, told in enumerate(parts):
            alike[tuple(told)].append(i)
        for boards in alike.values():
            if name == ALWAYS or len({facts[i].get(name) for i in boards}) > 1:
                for i in boards:
                    parts[i] += _told(name, facts[i].get(name, ""))
    return [" · ".join(told) for told in parts]


def _told(name: str, value: str) -> list[str]:
    if not value:
        return []
    return [value if name in PLAIN else f"{name} {value}"]
