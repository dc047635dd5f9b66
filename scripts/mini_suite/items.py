"""The form of an item, and how choices are shuffled."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypedDict


class Item(TypedDict):
    """One line of a data file."""

    id: str
    context: str
    choices: list[str]
    answer: int
    source: str


class Draft(TypedDict):
    """An item before it has a number and an order of its choices; the first choice is right."""

    context: str
    choices: list[str]
    source: str


def finish(drafts: Sequence[Draft], *, language: str, task: str, rng: random.Random) -> list[Item]:
    """Number the items and put each right answer at a place, every place equally often."""
    count = max((len(draft["choices"]) for draft in drafts), default=1)
    places = [index % count for index in range(len(drafts))]
    rng.shuffle(places)
    items: list[Item] = []
    for number, (draft, place) in enumerate(zip(drafts, places, strict=True), start=1):
        right, *wrong = draft["choices"]
        rng.shuffle(wrong)
        items.append(
            Item(
                id=f"{language}-{task}-{number:04d}",
                context=draft["context"],
                choices=[*wrong[:place], right, *wrong[place:]],
                answer=place,
                source=draft["source"],
            )
        )
    return items
