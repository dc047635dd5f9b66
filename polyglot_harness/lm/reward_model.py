"""Score responses with a reward model: a sequence classifier (hf) of one label.

A prompt is the user's turn and a response the assistant's, in the model's own chat template. Pairs
of like length share a batch, and a batch has so many tokens, not so many pairs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from polyglot_harness.errors import (
    ConfigError,
    HarnessError,
    MissingDependency,
    StageError,
    first_line,
)
from polyglot_harness.models import resolve

TOKENS, TOKENS_ON_CPU = 16384, 1024
"""Tokens of a batch, padding included; a pair that has more is a batch of its own."""


class Reward(NamedTuple):
    """What a reward model says of one pair."""

    value: float | None
    """None where the response alone is longer than the model's context."""
    truncated: bool
    """The beginning of the prompt, or all, was left out."""


@dataclass(frozen=True)
class RewardModel:
    """A model that is loaded."""

    name: str
    model: Any
    tokenizer: Any
    max_length: int
    """Tokens."""
    pad_token_id: int | None
    """By which the model finds the end of a text; None if it leaves that to us."""


def load_reward_model(name: str, device: str | None = None) -> RewardModel:
    """Load a reward model, in float32 on a CPU and as it was saved elsewhere.

    Args:
        name: An embedded model, a local path, or a name on the hub.
        device: As torch's; None for a GPU if there is one.

    Raises:
        ConfigError: If it cannot be loaded, has not exactly one label, its checkpoint lacks the
            head, or its tokenizer has no chat template.
        MissingDependency: If torch or transformers is not installed.
    """
    try:
        import torch
        from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
    except ImportError as error:
        raise MissingDependency((error.name or "transformers").split(".")[0], "hf") from error

    path = resolve(name)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        config = AutoConfig.from_pretrained(path)
        _check_labels(name, config)
        tokenizer = AutoTokenizer.from_pretrained(path)
        _check_template(name, tokenizer)
        model, info = AutoModelForSequenceClassification.from_pretrained(
            path,
            config=config,
            dtype=torch.float32 if device == "cpu" else "auto",
            output_loading_info=True,
        )
    except HarnessError:
        raise
    except Exception as error:  # files that are torn or of another kind raise anything
        raise ConfigError(f"reward model {name} cannot be loaded: {first_line(error)}") from error
    if missing := sorted(info["missing_keys"]):
        raise ConfigError(
            f"{name} is no reward model: its checkpoint lacks {', '.join(missing)[:120]}, which "
            "would be random"
        )
    text = config.get_text_config()
    own = getattr(text, "pad_token_id", None)
    return RewardModel(
        name,
        model.to(device).eval(),
        tokenizer,
        min(getattr(text, "max_position_embeddings", None) or 1 << 30, tokenizer.model_max_length),
        own if own is not None and 0 <= own < text.vocab_size else None,
    )


def _check_labels(name: str, config: Any) -> None:
    if config.num_labels != 1:
        what = ", ".join(config.architectures or ["a model"])
        raise ConfigError(
            f"{name} is no reward model: {what} of {config.num_labels} labels, where a sequence "
            "classifier of one is needed"
        )


def _check_template(name: str, tokenizer: Any) -> None:
    if not tokenizer.chat_template:
        raise ConfigError(f"reward model {name}: its tokenizer has no chat template")


def score(
    reward: RewardModel, pairs: Sequence[tuple[str, str]], tokens: int | None = None
) -> list[Reward]:
    """Score pairs of prompt and response.

    A pair that is longer than the model's context loses the beginning of its prompt. The batch
    that a pair is in changes its reward by no more than rounding does.

    Args:
        reward: The model.
        pairs: (prompt, response); all their tokens are held in memory.
        tokens: Of a batch; None for what suits the device.

    Returns:
        A reward for each pair.

    Raises:
        StageError: If the model returns a number that is not finite.
    """
    if tokens is None:
        tokens = TOKENS_ON_CPU if reward.model.device.type == "cpu" else TOKENS
    texts = [_rendered(reward, *pair) for pair in pairs]
    ids = _tokens(reward, texts)
    truncated = [len(row) > reward.max_length for row in ids]
    for i in [i for i, cut in enumerate(truncated) if cut]:
        ids[i] = _shortened(reward, *pairs[i])
    values: list[float | None] = [None] * len(pairs)
    for batch in _batches(ids, tokens):
        for i, value in zip(batch, _forward(reward, [ids[i] for i in batch]), strict=True):
            values[i] = value
    return [Reward(*row) for row in zip(values, truncated, strict=True)]


def _rendered(reward: RewardModel, prompt: str, response: str) -> str:
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
    try:
        return str(reward.tokenizer.apply_chat_template(turns, tokenize=False))
    except Exception as error:  # a template may raise anything
        raise ConfigError(
            f"reward model {reward.name}: its chat template fails: {first_line(error)}"
        ) from error


def _tokens(reward: RewardModel, texts: list[str]) -> list[list[int]]:
    """Tokenize; the special tokens stand in the template."""
    if not texts:
        return []
    found = reward.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
    return [list(row) for row in found]


def _shortened(reward: RewardModel, prompt: str, response: str) -> list[int]:
    """Return the tokens without as much of the prompt's beginning as is too long; [] if all is."""

    def tokens(cut: int) -> list[int]:
        return _tokens(reward, [_rendered(reward, prompt[cut:], response)])[0]

    cut = bisect_left(
        range(len(prompt) + 1), True, key=lambda cut: len(tokens(cut)) <= reward.max_length
    )
    return tokens(cut) if cut <= len(prompt) else []


def _batches(ids: list[list[int]], tokens: int) -> Iterator[list[int]]:
    """Yield numbers of rows of like length, the longest first; empty rows are left out."""
    batch: list[int] = []
    for i in sorted((i for i, row in enumerate(ids) if row), key=lambda i: -len(ids[i])):
        if batch and len(ids[batch[0]]) * (len(batch) + 1) > tokens:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _forward(reward: RewardModel, rows: list[list[int]]) -> list[float]:
    """Return the rewards of one batch, padded on the right."""
    import torch

    model, config = reward.model, reward.model.config.get_text_config()
    # Decoders score the last token that is no padding. Where a model does not name its padding,
    # a token that none of the rows has: no text then ends early.
    pad = reward.pad_token_id
    if pad is None:
        used = set(chain.from_iterable(rows))
        pad = next(i for i in range(config.vocab_size) if i not in used)
    config.pad_token_id = pad
    width = max(map(len, rows))
    ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows], device=model.device)
    there = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    with torch.inference_mode():
        found = model(input_ids=ids, attention_mask=there.to(model.device)).logits
    values = found[:, 0].float()
    if not bool(torch.isfinite(values).all()):
        raise StageError(f"reward model {reward.name} returns what is no finite number")
    return [float(value) for value in values.tolist()]
