"""Candidates with their rewards, read from the files of their stages one prompt at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from polyglot_harness.files import jsonl_rows
from polyglot_harness.preference.pairs import Scored
from polyglot_harness.spec import Answer

Files = Mapping[str, tuple[Path, Path]]
"""Language -> the files of its answers and of their rewards."""
Asked = Mapping[str, Sequence[str]]
"""Language -> ids of its prompts, sorted, as its answers are."""


def by_language(files: Files, asked: Asked) -> Iterator[tuple[str, str, tuple[Scored, ...]]]:
    """Yield language, id and candidates of each prompt of each language.

    A prompt without an answer has no candidates.
    """
    for language, (answers, rewards) in files.items():
        prompts = _Prompts(scored(answers, rewards))
        for question in asked[language]:
            yield language, question, prompts.take(question)


def by_prompt(files: Files, asked: Asked) -> Iterator[tuple[str, str, tuple[Scored, ...]]]:
    """Yield "", id and the candidates of all languages to the prompts of this id."""
    prompts = {code: _Prompts(scored(*of)) for code, of in files.items()}
    for question in sorted(set().union(*asked.values())):
        shared = (prompts[code].take(question) for code in files)
        yield "", question, tuple(candidate for pool in shared for candidate in pool)


def scored(answers: Path, rewards: Path) -> Iterator[tuple[str, tuple[Scored, ...]]]:
    """Yield the prompts of one language with their candidates, in the order of the answers."""
    candidates = (
        # the stage wrote these values; validating millions of them again takes minutes
        Scored(Answer.model_construct(**row), math.nan if r["reward"] is None else r["reward"])
        for (_, row), (_, r) in zip(jsonl_rows(answers), jsonl_rows(rewards), strict=True)
    )
    for question, group in groupby(candidates, key=lambda found: found.answer.question_id):
        yield question, tuple(group)


class _Prompts:
    """The prompts of one language, taken in their order; one of them is in memory."""

    def __init__(self, groups: Iterator[tuple[str, tuple[Scored, ...]]]) -> None:
        self._groups = groups
        self._next = next(groups, None)

    def take(self, question: str) -> tuple[Scored, ...]:
        """Return the candidates of a prompt; none if the next ones are of another."""
        if self._next is None or self._next[0] != question:
            return ()
        found = self._next[1]
        self._next = next(self._groups, None)
        return found
