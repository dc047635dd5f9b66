"""Which examples a student is trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from polyglot_harness.languages import load_pack
from polyglot_harness.spec import STRATEGIES, Example, Strategy
from polyglot_harness.training.data import choose, gold_examples, shares_of


def examples(**numbers: int) -> list[Example]:
    return [
        Example(
            id=f"de-{strategy}-0-{i:06d}",
            language="de",
            strategy=strategy,
            seed_id="s",
            prompt=f"p{i}",
            response=f"r{i}",
            finish_reason="stop",
        )
        for strategy in STRATEGIES
        for i in range(numbers.get(strategy, 0))
    ]


def per_strategy(chosen: Sequence[Example]) -> dict[Strategy, int]:
    return dict(Counter(e.strategy for e in chosen))


@pytest.mark.parametrize(
    ("available", "limit", "shares"),
    [
        ((10, 10, 10), 9, (3, 3, 3)),
        ((10, 10, 10), 30, (10, 10, 10)),
        ((10, 10, 10), 99, (10, 10, 10)),
        # what does not divide goes to the first
        ((10, 10, 10), 10, (4, 3, 3)),
        ((10, 10, 10), 11, (4, 4, 3)),
        ((10, 10, 10), 1, (1, 0, 0)),
        # the shortfall of one is made up from the others, equally
        ((2, 10, 10), 12, (2, 5, 5)),
        ((0, 10, 10), 12, (0, 6, 6)),
        ((1, 4, 100), 30, (1, 4, 25)),
        ((1, 4, 100), 105, (1, 4, 100)),
        ((5, 3, 4), 11, (4, 3, 4)),
        ((0, 0, 0), 5, (0, 0, 0)),
        ((5, 5, 5), 0, (0, 0, 0)),
        ((7,), 5, (5,)),
        ((), 5, ()),
        # the paper's numbers, arXiv 2604.11290, section 3
        ((3500, 3500, 3500), 10_000, (3334, 3333, 3333)),
        ((3100, 3500, 3500), 10_000, (3100, 3450, 3450)),
    ],
)
def test_shares(available: tuple[int, ...], limit: int, shares: tuple[int, ...]) -> None:
    names = ("a", "b", "c")[: len(available)]
    found = shares_of(dict(zip(names, available, strict=True)), limit)
    assert found == dict(zip(names, shares, strict=True))


@pytest.mark.parametrize("limit", range(0, 40, 3))
@pytest.mark.parametrize("available", [(3, 8, 20), (1, 1, 30), (9, 9, 9), (0, 7, 5)])
def test_shares_are_as_equal_as_they_can_be(available: tuple[int, ...], limit: int) -> None:
    given = dict(zip("abc", available, strict=True))
    shares = shares_of(given, limit)
    assert sum(shares.values()) == min(limit, sum(available))
    assert all(shares[name] <= given[name] for name in given)
    largest = max(shares.values())
    # who has less than the largest share, by more than a remainder, has given all
    assert all(shares[n] >= largest - 1 or shares[n] == given[n] for n in given)


def test_a_sample_is_equal_per_strategy_and_makes_up_for_a_shortfall() -> None:
    many = examples(generate=40, translate=40, respond=40)
    chosen = choose(many, 30, seed=1)
    assert per_strategy(chosen) == {"generate": 10, "translate": 10, "respond": 10}
    few = examples(generate=4, translate=40, respond=40)
    assert per_strategy(choose(few, 30, seed=1)) == {"generate": 4, "translate": 13, "respond": 13}
    assert per_strategy(choose(examples(respond=40), 30, seed=1)) == {"respond": 30}
    assert len({e.id for e in chosen}) == 30


def test_a_sample_is_the_same_every_time_and_in_any_order_of_the_examples() -> None:
    many = examples(generate=20, translate=20, respond=20)
    chosen = choose(many, 30, seed=1)
    assert choose(many, 30, seed=1) == chosen
    assert choose(many[::-1], 30, seed=1) == chosen
    other = choose(many, 30, seed=2)
    assert {e.id for e in other} != {e.id for e in chosen}
    # all of them in another order
    assert choose(many, 60, seed=1) != choose(many, 60, seed=2)
    assert set(choose(many, 60, seed=1)) == set(many)


def test_the_training_order_mixes_the_strategies() -> None:
    chosen = choose(examples(generate=30, translate=30, respond=30), 60, seed=0)
    first = per_strategy(chosen[:30])
    assert all(first[strategy] >= 5 for strategy in ("generate", "translate", "respond"))
    assert chosen != tuple(sorted(chosen, key=lambda e: e.id))


def test_a_larger_sample_holds_the_smaller_one() -> None:
    many = examples(generate=50, translate=50, respond=50)
    small, large = (choose(many, n, seed=3) for n in (30, 60))
    assert set(small) < set(large)
    # and in the same order
    assert [e for e in large if e in set(small)] == list(small)


def test_a_few_more_examples_change_the_sample_by_a_few() -> None:
    before = choose(examples(generate=50, translate=50, respond=50), 90, seed=3)
    after = choose(examples(generate=52, translate=50, respond=50), 90, seed=3)
    assert len(set(after) - set(before)) <= 2


def test_nothing_to_choose_from() -> None:
    assert choose([], 10, seed=0) == ()


@pytest.mark.parametrize("language", ["ar", "cs", "de", "en", "es", "id", "ja", "ko", "tl"])
def test_gold_examples_are_the_seeds(language: str) -> None:
    pack = load_pack(language)
    gold = gold_examples(pack)
    assert len(gold) == len(pack.seeds)
    for found, seed in zip(gold, pack.seeds, strict=True):
        assert found == Example(
            id=seed.id,
            language=language,
            strategy="respond",
            seed_id=seed.id,
            prompt=seed.prompt,
            response=seed.response,
            finish_reason="stop",
        )
