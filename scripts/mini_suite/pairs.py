"""Minimal pairs: word order and agreement."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence

from . import (
    rules_ar,
    rules_cs,
    rules_de,
    rules_en,
    rules_es,
    rules_id,
    rules_ja,
    rules_ko,
    rules_tl,
)
from .edits import Tokens, swap
from .review import is_rejected
from .text import Sentence

_TOKEN_RULES = {
    "ar": rules_ar,
    "cs": rules_cs,
    "de": rules_de,
    "en": rules_en,
    "es": rules_es,
    "id": rules_id,
    "ko": rules_ko,
    "tl": rules_tl,
}
Pair = tuple[Sentence, str]
Rule = Callable[[str], Iterable[str]]


def word_order(language: str) -> list[Rule]:
    """Return the one rule that gives the sentences with two neighbours exchanged."""
    if language == "ja":
        return [rules_ja.swaps]
    module = _TOKEN_RULES[language]

    def rule(text: str) -> Iterator[str]:
        tokens: Tokens = text.split()
        for site in module.swap_sites(tokens):
            yield " ".join(swap(tokens, site))

    return [rule]


def agreement(language: str) -> list[Rule]:
    """Return the rules that give sentences with one form that does not agree, hardest first.

    None where no rule makes a sentence wrong beyond doubt (Tagalog).
    """
    if language == "ja":
        return [rules_ja.mistakes, rules_ja.easy_mistakes]
    module = _TOKEN_RULES[language]
    rules = [_joined(module.mistakes)] if hasattr(module, "mistakes") else []
    if hasattr(module, "easy_mistakes"):
        rules.append(_joined(module.easy_mistakes))
    return rules


def _joined(rule: Callable[[Tokens], Iterable[Tokens]]) -> Rule:
    return lambda text: (" ".join(tokens) for tokens in rule(text.split()))


def make_pairs(
    sentences: Sequence[Sentence], rules: Sequence[Rule], *, limit: int, rng: random.Random
) -> list[Pair]:
    """Make at most one pair from each sentence, at most ``limit`` in all.

    A later rule only fills up what the earlier ones leave. The right sentence is the longer one as
    often as the shorter one: a model that knows nothing but prefers short texts gets one half.
    """
    pools: dict[int, list[Pair]] = {-1: [], 0: [], 1: []}
    used: set[Sentence] = set()
    for rule in rules:
        fresh = [sentence for sentence in sentences if sentence not in used]
        rng.shuffle(fresh)
        for sentence in fresh:
            wrong = [w for w in dict.fromkeys(rule(sentence.text)) if not is_rejected(w)]
            wrong = [w for w in wrong if w != sentence.text]
            if wrong:
                used.add(sentence)
                rng.shuffle(wrong)
                chosen = min(wrong, key=lambda w: len(pools[_longer(sentence.text, w)]))
                pools[_longer(sentence.text, chosen)].append((sentence, chosen))
    side = min(len(pools[-1]), len(pools[1]), limit // 2)
    equal = pools[0][: limit - 2 * side]
    pairs = [*pools[-1][:side], *pools[1][:side], *equal]
    rng.shuffle(pairs)
    return pairs


def _longer(right: str, wrong: str) -> int:
    """Return 1 if the right sentence has more bytes, -1 if it has fewer, 0 if they are equal."""
    left, other = (len(text.encode("utf-8")) for text in (right, wrong))
    return (left > other) - (left < other)
