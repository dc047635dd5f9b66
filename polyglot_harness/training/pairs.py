"""Preference pairs as tokens: which can be trained on, and which are held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyglot_harness.spec import Example, Preference
from polyglot_harness.training import encoding
from polyglot_harness.training.encoding import Encoded


@dataclass(frozen=True)
class EncodedPair:
    """A pair with its two responses in tokens, each after the prompt."""

    pair: Preference
    chosen: Encoded
    rejected: Encoded

    @property
    def prompt(self) -> int:
        """So many tokens of both are the prompt's."""
        return min(self.chosen.prompt, self.rejected.prompt)

    @property
    def tokens(self) -> int:
        """Of both sequences: what a step reads."""
        return len(self.chosen.tokens) + len(self.rejected.tokens)


@dataclass(frozen=True)
class SortedPairs:
    """Pairs, those that cannot be trained on counted by reason."""

    kept: tuple[EncodedPair, ...]
    too_long: int
    """Prompt and either response have more tokens than are read; nothing is cut."""
    identical: int
    """Both responses are the same tokens: nothing to prefer."""
    no_response: int
    """The chat template leaves nothing of a response."""


def sort(tokenizer: Any, pairs: Sequence[Preference], longest: int) -> SortedPairs:
    """Encode pairs; leave out, and count, what cannot be trained on."""
    encoded = [
        EncodedPair(p, *(_encode(tokenizer, p, text) for text in (p.chosen, p.rejected)))
        for p in pairs
    ]
    fitting = [e for e in encoded if max(len(e.chosen.tokens), len(e.rejected.tokens)) <= longest]
    differing = [e for e in fitting if not np.array_equal(e.chosen.tokens, e.rejected.tokens)]
    kept = tuple(
        e for e in differing if e.prompt < min(len(e.chosen.tokens), len(e.rejected.tokens))
    )
    return SortedPairs(
        kept,
        too_long=len(encoded) - len(fitting),
        identical=len(fitting) - len(differing),
        no_response=len(differing) - len(kept),
    )


def split(
    pairs: Sequence[EncodedPair], held_out: int, seed: int
) -> tuple[tuple[EncodedPair, ...], tuple[EncodedPair, ...]]:
    """Return (pairs to train on, pairs held out), drawn as `encoding.split` draws."""
    held = {e.id for e in encoding.split([p.chosen for p in pairs], held_out, seed)[1]}
    return (
        tuple(p for p in pairs if p.pair.id not in held),
        tuple(p for p in pairs if p.pair.id in held),
    )


def dataset(pairs: Sequence[EncodedPair]) -> Any:
    """Return the pairs as TRL takes them: conversations, which it puts into the chat template."""
    from datasets import Dataset

    return Dataset.from_list(
        [
            {
                "prompt": [{"role": "user", "content": p.pair.prompt}],
                "chosen": [{"role": "assistant", "content": p.pair.chosen}],
                "rejected": [{"role": "assistant", "content": p.pair.rejected}],
            }
            for p in pairs
        ]
    )


def names_of(pairs: Sequence[EncodedPair]) -> Any:
    """Return a function from rows of token ids to the ids of their pairs, each once."""
    names = encoding.names_of([e for p in pairs for e in (p.chosen, p.rejected)])
    return lambda rows: list(dict.fromkeys(names(rows)))


def _encode(tokenizer: Any, pair: Preference, response: str) -> Encoded:
    return encoding.encode(
        tokenizer,
        Example(
            id=pair.id,
            language=pair.language,
            strategy="respond",
            seed_id=pair.id,
            prompt=pair.prompt,
            response=response,
            finish_reason="unknown",
        ),
    )
