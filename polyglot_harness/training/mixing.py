"""A pinch of multilinguality: English examples replaced by those of other languages.

After arXiv 2401.01854, section 3.2: an English instruction set of a fixed size, of which a number
or a share of the examples are replaced by ones of other languages, split evenly. There English
itself has a part in a share, and the texts are translations of those that they replace; here a
share is of the other languages only, and any examples will do.

Mixtures of one seed are nested: what ``pinch:40`` replaces and puts in is also replaced and put in,
at the same places, by ``pinch:80`` and by a larger share. So two of them differ in nothing but what
is asked about, and can be compared example by example.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from polyglot_harness.errors import ConfigError
from polyglot_harness.spec import Example, Mixture, key_hash
from polyglot_harness.training.data import choose, deal, ranked

VALID = (
    "alone, pinch:N (so many examples, e.g. pinch:40), share:P (so many per cent, e.g. share:10)"
)


@dataclass(frozen=True)
class Mixed:
    """A mixture."""

    mixture: Mixture
    examples: tuple[Example, ...]
    """In training order."""
    replaced: tuple[tuple[int, Example], ...]
    """Place in `examples` and the English example that stood there, the first to go first."""

    @property
    def counts(self) -> dict[str, int]:
        """Examples by language."""
        return dict(Counter(example.language for example in self.examples))

    @property
    def strategies(self) -> dict[str, dict[str, int]]:
        """Examples by language and strategy."""
        found: dict[str, Counter[str]] = {}
        for example in self.examples:
            found.setdefault(example.language, Counter())[example.strategy] += 1
        return {code: dict(counts) for code, counts in found.items()}


def parse_mixture(text: str) -> Mixture:
    """Return the mixture that a text names; ``str`` of it gives the text.

    Raises:
        ConfigError: If it names none.
    """
    kind, colon, amount = text.strip().partition(":")
    if kind == "alone" and not colon:
        return Mixture()
    try:
        number = float(amount)
    except ValueError:
        number = math.nan
    if kind == "pinch" and number >= 0 and number.is_integer():
        return Mixture(kind="pinch", amount=number)
    if kind == "share" and 0 <= number <= 100:
        return Mixture(kind="share", amount=number)
    raise ConfigError(f"unknown mixture {text!r}; valid: {VALID}")


def mix(
    english: Sequence[Example],
    foreign: Mapping[str, Sequence[Example]],
    mixture: Mixture,
    *,
    budget: int | None = None,
    seed: int,
    strict: bool = False,
) -> Mixed:
    """Replace a part of an English set by examples of other languages.

    Args:
        english: The English set.
        foreign: Examples by language. Each gives equally many, what does not divide falls to the
            first by code; where one has too few, the others make up for it. Within a language the
            strategies are treated alike.
        mixture: A pinch or a share.
        budget: Examples of the English set that are used, equal per strategy, and thus the size
            of the mixture; None for all.
        seed: Decides which examples are used, which are replaced, and the order.
        strict: Raise where a language has too few.

    Raises:
        ConfigError: If there are not enough examples of English, of a language, or of all.
    """
    if mixture.kind == "alone":
        raise ConfigError(f"alone: nothing is mixed; valid: {VALID}")
    size = len(english) if budget is None else budget
    if not english or size > len(english):
        raise ConfigError(f"the English set has {len(english)} examples, {size or 'some'} needed")
    number = replacements(mixture, size)
    _check(english, foreign, mixture, number)
    base = list(choose(english, size, seed=seed))
    places = sorted(range(size), key=lambda i: key_hash(seed, "replaced", base[i].id))[:number]
    dealt = deal([ranked(foreign[code], seed=seed) for code in sorted(foreign)])
    if strict:
        _check_even(Counter(e.language for e in dealt[:number]), foreign, mixture)
    replaced = tuple((place, base[place]) for place in places)
    for place, example in zip(places, dealt, strict=False):
        base[place] = example
    return Mixed(mixture, tuple(base), replaced)


def replacements(mixture: Mixture, size: int) -> int:
    """Return how many of `size` examples a mixture replaces; a share is rounded.

    Raises:
        ConfigError: If they are more than there are, or a share is less than one example.
    """
    if mixture.kind == "pinch":
        number = int(mixture.amount)
    else:
        number = math.floor(size * mixture.amount / 100 + 0.5)
        if mixture.amount and not number:
            raise ConfigError(f"{mixture}: less than one of {size} examples; take a larger share")
    if number > size:
        raise ConfigError(f"{mixture}: replaces {number} examples, but the English set has {size}")
    return number


def _check(
    english: Sequence[Example],
    foreign: Mapping[str, Sequence[Example]],
    mixture: Mixture,
    number: int,
) -> None:
    """Raise ConfigError if the languages do not go together, or have too few examples."""
    base = Counter(example.language for example in english)
    if len(base) > 1:
        raise ConfigError(f"the English set is in several languages ({', '.join(sorted(base))})")
    if both := set(base) & set(foreign):
        raise ConfigError(f"{min(both)!r} is the language of the set that is to be mixed into")
    if lacking := [code for code in sorted(foreign) if not foreign[code]]:
        raise ConfigError(f"{mixture}: no example in {', '.join(lacking)}")
    there = sum(map(len, foreign.values()))
    if there < number:
        listed = ", ".join(f"{code} {len(foreign[code])}" for code in sorted(foreign))
        raise ConfigError(
            f"{mixture}: {number} examples of other languages are needed, there are {there} "
            f"({listed or 'no language'})"
        )


def _check_even(
    counts: Counter[str], foreign: Mapping[str, Sequence[Example]], mixture: Mixture
) -> None:
    fewest = min(foreign, key=lambda code: counts[code], default="")
    if max(counts.values(), default=0) - counts[fewest] > 1:
        raise ConfigError(
            f"{mixture}: {fewest} has {len(foreign[fewest])} examples, too few for an equal part; "
            "give more of it, or go without --strict: then the others make up for it"
        )
