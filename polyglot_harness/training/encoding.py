"""Examples as tokens: what a student reads, and which of it it learns to write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyglot_harness.spec import Example, key_hash

IGNORED = -100
"""Label of a token that is not in the loss."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """An example in tokens."""

    id: str
    tokens: np.ndarray[Any, np.dtype[np.int64]]
    """Prompt and response in the chat template."""
    prompt: int
    """So many of them are the prompt's, which are read and not learnt."""

    @property
    def labels(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The tokens, those of the prompt left out of the loss."""
        found = self.tokens.copy()
        found[: self.prompt] = IGNORED
        return found


@dataclass(frozen=True)
class Sorted:
    """Examples, those that cannot be trained on counted."""

    kept: tuple[Encoded, ...]
    too_long: int
    no_response: int
    """The chat template leaves nothing of their responses."""


def encode(tokenizer: Any, example: Example) -> Encoded:
    """Return an example in the tokenizer's chat template.

    The response begins where the conversation and the prompt alone, with the template's beginning
    of an answer, part: the tokens are those of TRL's own preparation.
    """
    user = {"role": "user", "content": example.prompt}
    whole = _tokens(tokenizer, [user, {"role": "assistant", "content": example.response}])
    prompt = _tokens(tokenizer, [user], add_generation_prompt=True)
    shared = min(len(whole), len(prompt))
    differ = np.flatnonzero(whole[:shared] != prompt[:shared])
    return Encoded(example.id, whole, int(differ[0]) if differ.size else shared)


def sort(tokenizer: Any, examples: Sequence[Example], longest: int) -> Sorted:
    """Encode examples; leave out, and count, what is longer than `longest` tokens."""
    encoded = [encode(tokenizer, example) for example in examples]
    fitting = [e for e in encoded if len(e.tokens) <= longest]
    kept = tuple(e for e in fitting if e.prompt < len(e.tokens))
    return Sorted(kept, len(encoded) - len(fitting), len(fitting) - len(kept))


def split(
    examples: Sequence[Encoded], held_out: int, seed: int
) -> tuple[tuple[Encoded, ...], tuple[Encoded, ...]]:
    """Return (examples to train on, examples held out), each in the given order.

    At most half are held out. The draw depends on the seed and the ids only.
    """
    drawn = sorted(examples, key=lambda e: key_hash(seed, "held out", e.id))
    held = {e.id for e in drawn[: min(held_out, len(examples) // 2)]}
    return (
        tuple(e for e in examples if e.id not in held),
        tuple(e for e in examples if e.id in held),
    )


def without_end(tokenizer: Any, model: Any, examples: Sequence[Encoded]) -> int:
    """Return how many responses hold no token that ends generation: they teach no end.

    Args:
        tokenizer: Its eos is one.
        model: Its generation config may name more.
        examples: Encoded.
    """
    named = getattr(model.generation_config, "eos_token_id", None)
    more = named if isinstance(named, list) else [named]
    ends = [n for n in {tokenizer.eos_token_id, *more} if n is not None]
    return sum(not np.isin(e.tokens[e.prompt :], ends).any() for e in examples)


def dataset(examples: Sequence[Encoded]) -> Any:
    """Return the examples as TRL takes them: ``input_ids`` and ``labels``."""
    from datasets import Dataset

    columns = {
        "input_ids": [e.tokens for e in examples],
        "labels": [e.labels for e in examples],
    }
    return Dataset.from_dict(columns)


def names_of(examples: Sequence[Encoded]) -> Any:
    """Return a function from rows of token ids to the ids of the examples."""

    def names(rows: Sequence[Sequence[int]]) -> list[str]:
        ids = {e.tokens.tobytes(): e.id for e in examples}
        return [ids.get(np.asarray(row, np.int64).tobytes(), "?") for row in rows]

    return names


def _tokens(tokenizer: Any, messages: list[dict[str, str]], **how: Any) -> Any:
    found = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True, **how)
    return np.asarray(found["input_ids"], dtype=np.int64)
