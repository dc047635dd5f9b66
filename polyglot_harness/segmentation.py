"""Words and sentences of a text, as its language has them.

Words are those of sacrebleu's tokenizers (Post 2018, arXiv 1804.08771): ``intl`` (mteval-v14, which
parts punctuation of all scripts from words, 13a only that of ASCII) where there are spaces, MeCab
with IPADIC for Japanese, signs for Chinese and other scripts without spaces. Korean words are what
stands between spaces. Sentences are sentencex's, line by line. All are rules and dictionaries:
deterministic, and a hundred thousand texts in a few seconds.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from functools import cache

_INTL = "tokenizer_intl.TokenizerV14International"
_TOKENIZERS = {
    "ja": "tokenizer_ja_mecab.TokenizerJaMecab",
    "zh": "tokenizer_zh.TokenizerZh",
    **dict.fromkeys(("bo", "dz", "km", "lo", "my", "th"), "tokenizer_char.TokenizerChar"),
}
"""By language, in ``sacrebleu.tokenizers``; the others have spaces."""
_SPACES = re.compile(r"[^\S\n]|\0")
VERSIONS = ("sacrebleu", "sentencex", "mecab-python3", "ipadic", "regex")
"""What `provenance.relevant` names for metrics of words and sentences."""


def tokens(text: str, code: str) -> list[str]:
    """Return the words and punctuation marks of a text.

    Args:
        text: Some text.
        code: ISO 639-1 code of its language.
    """
    tokenize = _tokenizer(code)
    return [token for line in _lines(text) for token in tokenize(line).split()]


def words(text: str, code: str) -> list[str]:
    """Return the tokens of a text that have a letter or a digit."""
    return [token for token in tokens(text, code) if any(map(str.isalnum, token))]


def sentences(text: str, code: str) -> list[str]:
    """Return the sentences of a text; a line (heading, item of a list) is at least one.

    Args:
        text: Some text.
        code: ISO 639-1 code of its language, by which abbreviations are known.
    """
    from sentencex import segment

    found = (part.strip() for line in _lines(text) for part in segment(code, line))
    return [part for part in found if part]


def _lines(text: str) -> list[str]:
    """Return the lines of a text, with plain spaces.

    Any other space after an initial makes sentencex 1.0 panic, and MeCab reads no further than NUL.
    """
    return [_SPACES.sub(" ", line) for line in text.splitlines() if not line.isspace()]


@cache
def _tokenizer(code: str) -> Callable[[str], str]:
    module, name = _TOKENIZERS.get(code, _INTL).split(".")
    tokenizer = getattr(importlib.import_module(f"sacrebleu.tokenizers.{module}"), name)()
    # not the call itself, which keeps the last 65,536 texts
    call = inspect.unwrap(type(tokenizer).__call__)
    return lambda line: str(call(tokenizer, line))
