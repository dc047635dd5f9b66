"""The task ``polyglot_mini_<lang>_reply``: does a student give a usable reply to a held-out prompt?

A reply counts if it passes the same checks that a teacher's reply must pass to become an example
(not empty, in the language of the prompt, not repetitive, no echo of the prompt), ends as a
sentence does (a model that rambles until it is cut off has not replied), and has words of that
language rather than made-up ones. It says nothing of whether the reply is true.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polyglot_harness.lexicon import known_word_share
from polyglot_harness.spec import Checks
from polyglot_harness.strategies.checks import SENTENCE_END, response_fault

CHECKS = Checks(
    refusal=False,
    min_characters=8,
    max_characters=1_000_000,
    max_compression=4.0,
    max_similarity=0.9,
)
"""Written out: scores depend on them, whatever the defaults for teachers become."""
MIN_KNOWN = 0.85
"""Of the gold responses 89 % (id) to 100 % (all others) reach it."""


def score_reply(document: Mapping[str, Any], results: list[str]) -> dict[str, float]:
    """Return ``acc``: 1.0 for a usable reply, else 0.0.

    Args:
        document: ``prompt``, and ``id`` that begins with the language code.
        results: The one reply.
    """
    reply = results[0].strip()
    language = str(document["id"]).split("-")[0]
    usable = (
        not response_fault(document["prompt"], reply, language, CHECKS)
        and ends_as_sentence(reply)
        and has_words(reply, language)
    )
    return {"acc": float(usable)}


def has_words(text: str, language: str) -> bool:
    """Whether nearly all words are known; True where there is no word list to tell."""
    share = known_word_share(text, language)
    return share is None or share >= MIN_KNOWN


def ends_as_sentence(text: str) -> bool:
    """Whether the text ends with a sentence's end, rather than where it was cut off."""
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    return bool(ends) and ends[-1] == len(text)
