"""Texts for the page: of the examples that it shows, and of a few rejections of each reason."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from polyglot_harness.errors import StoreError
from polyglot_harness.intrinsic.samples import Data
from polyglot_harness.spec import Rejection

REJECTED_SHOWN = 4
"""Replies shown of each reason."""
REPLY_CHARACTERS = 1_500


@dataclass
class Reason:
    """The replies that were rejected for one reason."""

    name: str
    by_strategy: Counter[str] = field(default_factory=Counter)
    shown: list[Rejection] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Return how many there are."""
        return self.by_strategy.total()


def cut(text: str, limit: int) -> list[Any]:
    """Return the beginning of a text, and the number of characters that were cut off."""
    return [text[:limit], max(0, len(text) - limit)]


def read_examples(data: Data, limits: Mapping[int, int]) -> dict[int, dict[str, Any]]:
    """Return the texts of some examples, in one pass over the data.

    Args:
        data: All examples.
        limits: Number of an example -> characters that are kept of each of its texts.
    """
    found: dict[int, dict[str, Any]] = {}
    for number, sample in enumerate(data.samples()):
        if (limit := limits.get(number)) is not None:
            found[number] = {
                "id": sample.id,
                "prompt": cut(sample.prompt, limit),
                "response": cut(sample.response, limit),
            }
            if sample.source:
                found[number]["source"] = cut(sample.source, limit)
            if len(found) == len(limits):
                break
    return found


def check_ids(found: Mapping[int, dict[str, Any]], ids: list[str], where: str) -> None:
    """Raise StoreError if a table of values is not in the order of the data."""
    for (number, row), there in zip(found.items(), ids, strict=True):
        if row["id"] != there:
            raise StoreError(
                f"{where}: row {number} is {there!r}, but the data have {row['id']!r} there; "
                "measure the data again"
            )


def read_rejections(data: Data) -> list[Reason]:
    """Return the reasons, the most frequent first, each with a few replies that chance chose."""
    reasons: dict[str, Reason] = {}
    for rejection in data.rejections():
        reason = reasons.setdefault(rejection.reason, Reason(rejection.reason))
        reason.by_strategy[rejection.strategy] += 1
        _keep(reason, rejection)
    return sorted(reasons.values(), key=lambda reason: (-reason.total, reason.name))


def _keep(reason: Reason, rejection: Rejection) -> None:
    """Keep each of the replies so far with the same probability (reservoir sampling)."""
    if len(reason.shown) < REJECTED_SHOWN:
        reason.shown.append(rejection)
        return
    place = random.Random(f"{reason.name} {reason.total}").randrange(reason.total)  # noqa: S311
    if place < REJECTED_SHOWN:
        reason.shown[place] = rejection
