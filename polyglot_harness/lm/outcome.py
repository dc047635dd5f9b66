"""From the log to ``examples.jsonl`` and ``rejections.jsonl``, in the order of the documents.

Duplicates can only be told in that order, so they are sorted out here: the first of equal or nearly
equal ones is kept. Rows are read one at a time.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from polyglot_harness.curation.duplicates import find_duplicates
from polyglot_harness.files import EXAMPLES, REJECTIONS, json_line
from polyglot_harness.lm.reply_log import ReplyLog
from polyglot_harness.spec import Example, Rejection

OWN_PROMPTS = ("generate", "translate")
"""Strategies whose prompts the teacher writes; in the others only responses can be duplicates."""


def write_outcomes(
    log: ReplyLog,
    places: Sequence[Any],
    folder: Path,
    *,
    language: str,
    strategy: str,
    near_duplicate: float,
) -> dict[str, int]:
    """Write the two files.

    Args:
        log: The replies, judged.
        places: Per attempt an array [documents] of places in the log, -1 where there is none.
        folder: Where the files go.
        language: Code of the language.
        strategy: The strategy.
        near_duplicate: As in `spec.Checks`.

    Returns:
        Counts: accepted, and rejections by reason.
    """
    copies = _copies(log, places, near_duplicate, own_prompts=strategy in OWN_PROMPTS)
    kept: list[str] = []  # ids by position; the original of a copy is named by its id
    counts: Counter[str] = Counter(accepted=0)
    with (
        (folder / EXAMPLES).open("w", encoding="utf-8") as examples,
        (folder / REJECTIONS).open("w", encoding="utf-8") as rejections,
    ):
        for row in map(log.read, _offsets(places)):
            reason, detail = row["reason"], row["detail"]
            if not reason:
                kept.append(row["id"])
                if (original := copies.get(len(kept) - 1)) is not None:
                    reason, detail = "duplicate", kept[original]
            common = {"id": row["id"], "language": language, "strategy": strategy}
            if reason:
                counts[f"rejected_{reason}"] += 1
                rejections.write(json_line(_rejection(row, common, reason, detail)))
            else:
                counts["accepted"] += 1
                examples.write(json_line(_example(row, common)))
    return dict(counts)


def _offsets(places: Sequence[Any]) -> Iterator[int]:
    """Yield where the replies stand, by document, then attempt."""
    for index in range(len(places[0]) if places else 0):
        for attempt in places:
            if attempt[index] >= 0:
                yield int(attempt[index])


def _copies(
    log: ReplyLog, places: Sequence[Any], threshold: float, *, own_prompts: bool
) -> dict[int, int]:
    """Return which accepted reply repeats which earlier one, by position among the accepted.

    Where the teacher writes prompts, a repeated prompt counts; where they were given, and come
    round again, a repeated response to the same one.
    """
    offsets = array("q")
    groups: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
    for offset in _offsets(places):
        row = log.read(offset)
        if not row["reason"]:
            groups["" if own_prompts else row["prompt"]].append(len(offsets))
            offsets.append(offset)
    field = "prompt" if own_prompts else "response"
    copies = {}
    for group in groups.values():
        texts = _Texts(log, array("q", (offsets[position] for position in group)), field)
        for copy, original in find_duplicates(texts, threshold).items():
            copies[group[copy]] = group[original]
    return copies


class _Texts(Sequence[str]):
    """A field of rows, read from the log when it is looked at."""

    def __init__(self, log: ReplyLog, offsets: array[int], field: str) -> None:
        self._log, self._offsets, self._field = log, offsets, field

    def __len__(self) -> int:
        return len(self._offsets)

    def __getitem__(self, position: Any) -> Any:
        return self._log.read(self._offsets[position])[self._field]


def _example(row: dict[str, Any], common: dict[str, Any]) -> Example:
    # the engine wrote these values; validating 100,000 of them again takes seconds
    return Example.model_construct(
        **common,
        seed_id=row["seed_id"],
        prompt=row["prompt"],
        response=row["response"],
        finish_reason=row["finish_reason"],
        attempt=row["attempt"],
    )


def _rejection(row: dict[str, Any], common: dict[str, Any], reason: str, detail: str) -> Rejection:
    return Rejection.model_construct(
        **common, reason=reason, reply=row["reply"], attempt=row["attempt"], detail=detail
    )
