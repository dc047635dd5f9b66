"""Choose the training examples: equal per strategy, shortfalls made up from the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, zip_longest
from typing import TypeVar

from polyglot_harness.spec import Example, LanguagePack, key_hash

T = TypeVar("T")


def choose(examples: Sequence[Example], limit: int, *, seed: int) -> tuple[Example, ...]:
    """Sample at most `limit` examples, equal per strategy (arXiv 2604.11290, section 3).

    Where a strategy has fewer than its share, the others make up for it. An example's place in the
    draw depends only on the seed and its id, so a few more examples change the sample by a few.

    Args:
        examples: All accepted examples of one teacher and language.
        limit: Size of the sample.
        seed: Decides the draw and the order.

    Returns:
        The sample in training order.
    """
    ordered = _by_strategy(examples, seed)
    shares = shares_of({name: len(group) for name, group in ordered.items()}, limit)
    chosen = [e for name, group in ordered.items() for e in group[: shares[name]]]
    return tuple(sorted(chosen, key=_draw(seed, "order")))


def ranked(examples: Sequence[Example], *, seed: int) -> list[Example]:
    """Return all examples such that the first n are those that `choose` takes, for every n."""
    return deal(list(_by_strategy(examples, seed).values()))


def deal(groups: Sequence[Sequence[T]]) -> list[T]:
    """Return one of each group, a second one of each, ..., as far as each can give."""
    rounds = zip_longest(*([(item,) for item in group] for group in groups), fillvalue=())
    return list(chain.from_iterable(chain.from_iterable(rounds)))


def shares_of(available: dict[str, int], limit: int) -> dict[str, int]:
    """Divide `limit` equally over the groups, as far as each can give (water filling)."""
    shares = dict.fromkeys(available, 0)
    left = min(limit, sum(available.values()))
    while left:
        open_groups = [name for name in available if shares[name] < available[name]]
        each = max(1, left // len(open_groups))
        for name in open_groups:
            given = min(each, available[name] - shares[name], left)
            shares[name] += given
            left -= given
    return shares


def gold_examples(pack: LanguagePack) -> tuple[Example, ...]:
    """Return the pack's seeds as training examples: the data of the reference student."""
    return tuple(
        Example(
            id=seed.id,
            language=pack.code,
            strategy="respond",
            seed_id=seed.id,
            prompt=seed.prompt,
            response=seed.response,
            finish_reason="stop",
        )
        for seed in pack.seeds
    )


def _by_strategy(examples: Sequence[Example], seed: int) -> dict[str, list[Example]]:
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.strategy, []).append(example)
    return {name: sorted(group, key=_draw(seed)) for name, group in sorted(groups.items())}


def _draw(*key: object) -> Callable[[Example], bytes]:
    return lambda example: key_hash(*key, example.id)
