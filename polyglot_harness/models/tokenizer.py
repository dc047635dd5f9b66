"""Write the tokenizer files of a model folder straight from the vocabulary in a GGUF header.

Loading a GGUF tokenizer with transformers is most of the time of a conversion (14 of 20 CPU-seconds
for Gemma) and its result has two defects:

- Gemma: ``add_bos_token`` is dropped, and without a leading ``<bos>`` the model talks nonsense;
- SmolLM2: its pre-tokenizer (``smollm``) is not known, so that digits are not split and numbers are
  cut in ways that the model never saw.

A ``tokenizer.json`` is plain JSON, so it is written here as such, without any tokenizer library.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError

from .gguf import GgufFile

__all__ = ["write_tokenizer"]

_CONTROL, _USER_DEFINED = 3, 4
_SPACE = "\u2581"  # how SentencePiece spells a space


def write_tokenizer(model: GgufFile, folder: Path) -> None:
    """Write ``tokenizer.json``, ``tokenizer_config.json`` and the chat template if there is one.

    A model without a chat template gets none: a base model is not to be taken for a chat model.

    Args:
        model: The header of the GGUF file.
        folder: An existing folder.

    Raises:
        ConfigError: The tokenizer is of a kind not known here.
    """
    fields = model.fields
    kind = fields.get("tokenizer.ggml.model"), fields.get("tokenizer.ggml.pre", "default")
    tokens: list[str] = fields["tokenizer.ggml.tokens"]
    if kind == ("gpt2", "smollm"):
        parts = _byte_level(tokens, fields["tokenizer.ggml.merges"])
    elif kind == ("llama", "default") and model.architecture == "gemma3":
        tokens = [_SPACE * len(token) if token.strip(" ") == "" else token for token in tokens]
        parts = _gemma(tokens)
    else:
        raise ConfigError(
            f"tokenizer {kind[0]!r} with pre-tokenizer {kind[1]!r} is not supported in "
            f"architecture {model.architecture!r}"
        )
    special = {
        key: fields.get(f"tokenizer.ggml.{name}_token_id")
        for key, name in (
            ("bos_token", "bos"),
            ("eos_token", "eos"),
            ("unk_token", "unknown"),
            ("pad_token", "padding"),
        )
    }
    add_bos = bool(fields.get("tokenizer.ggml.add_bos_token", False))
    bos = special["bos_token"] if add_bos else None
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added_tokens(tokens, fields["tokenizer.ggml.token_type"]),
        **parts,
        "post_processor": None if bos is None else _prepend(tokens[bos], bos),
    }
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_bos_token": add_bos,
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": model.get("context_length"),
        **{key: tokens[index] for key, index in special.items() if index is not None},
    }
    text = json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(
        json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    template = fields.get("tokenizer.chat_template")
    if template:
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")


def _added_tokens(tokens: list[str], types: Iterable[int]) -> list[dict[str, Any]]:
    """List the tokens that are matched whole: control tokens, and those the authors chose."""
    return [
        {
            "id": index,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": kind == _CONTROL,
        }
        for index, (token, kind) in enumerate(zip(tokens, types, strict=True))
        # Runs of spaces are found by merges: they never occur in text in this spelling.
        if kind in (_CONTROL, _USER_DEFINED)
        and not (kind == _USER_DEFINED and token.strip(_SPACE) == "")
    ]


def _bpe(tokens: list[str], merges: list[tuple[str, str]], **options: Any) -> dict[str, Any]:
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        **options,
        "vocab": {token: index for index, token in enumerate(tokens)},
        "merges": merges,
    }


def _byte_level(tokens: list[str], merges: list[str]) -> dict[str, Any]:
    """SmolLM2: byte-level BPE, every digit a token of its own."""
    byte_level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": True,
    }
    pairs = [(left, right) for left, right in (merge.split(" ") for merge in merges)]
    return {
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level],
        },
        "decoder": byte_level,
        "model": _bpe(tokens, pairs),
    }


def _gemma(tokens: list[str]) -> dict[str, Any]:
    """Gemma: BPE of SentencePiece with byte fallback; spaces are respelled."""
    return {
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE},
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"String": " "},
            "behavior": "MergedWithPrevious",
            "invert": False,
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": _SPACE}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
            ],
        },
        "model": _bpe(
            tokens,
            _merges(tokens),
            unk_token="<unk>",  # noqa: S106 (a token of text, no password)
            fuse_unk=True,
            byte_fallback=True,
        ),
    }


def _merges(tokens: list[str]) -> list[tuple[str, str]]:
    """Recover the merges that a SentencePiece file does not list.

    Every split of a token into two tokens is a merge. Gemma's tokens stand in the order in which
    they were merged; of the splits of one token the longest left part goes first.
    """
    vocabulary = set(tokens)
    return [
        (token[:cut], token[cut:])
        for token in tokens
        for cut in range(len(token) - 1, 0, -1)
        if token[:cut] in vocabulary and token[cut:] in vocabulary
    ]


def _prepend(token: str, index: int) -> dict[str, Any]:
    """Put one token before each text."""

    def mark(kind: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": token, "type_id": kind}}

    def text(name: str, kind: int) -> dict[str, Any]:
        return {"Sequence": {"id": name, "type_id": kind}}

    return {
        "type": "TemplateProcessing",
        "single": [mark(0), text("A", 0)],
        "pair": [mark(0), text("A", 0), mark(1), text("B", 1)],
        "special_tokens": {token: {"id": token, "ids": [index], "tokens": [token]}},
    }
