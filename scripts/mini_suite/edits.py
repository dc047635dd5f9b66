"""Small edits on tokens that the language rules share.

A rule looks at the tokens of a sentence and yields the token lists of wrong sentences. A token is
a run without spaces; its final punctuation stays in place when words are swapped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

Tokens = list[str]
_TAIL = re.compile(r"[.,;:!?،؛؟]+$")


def core(token: str) -> str:
    """Return a token without its final punctuation."""
    return _TAIL.sub("", token)


def tail(token: str) -> str:
    """Return the final punctuation of a token, often the empty string."""
    return token[len(core(token)) :]


def replace(tokens: Tokens, index: int, word: str) -> Tokens:
    """Put ``word`` in the place of the word at ``index``, keeping case and punctuation."""
    if index == 0 and tokens[0][:1].isupper():
        word = word[:1].upper() + word[1:]
    return [*tokens[:index], word + tail(tokens[index]), *tokens[index + 1 :]]


def swap(tokens: Tokens, index: int) -> Tokens:
    """Exchange the words at ``index`` and ``index + 1``; the punctuation keeps its place."""
    left, right = tokens[index], tokens[index + 1]
    pair = [core(right) + tail(left), core(left) + tail(right)]
    return [*tokens[:index], *pair, *tokens[index + 2 :]]


def swappable(tokens: Tokens, index: int) -> bool:
    """Whether the words at ``index`` and ``index + 1`` are plain, distinct and not the first."""
    if index < 1 or index + 1 >= len(tokens):
        return False
    left, right = tokens[index], tokens[index + 1]
    return not tail(left) and left != core(right) and core(right).replace("-", "").isalpha()


def at_boundary(tokens: Tokens, index: int, openers: frozenset[str]) -> bool:
    """Whether a phrase ends with the word at ``index``: punctuation, the end, or an opener next."""
    if tail(tokens[index]) or index + 1 == len(tokens):
        return True
    return core(tokens[index + 1]) in openers


def substitutions(tokens: Tokens, table: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Yield the places of words found in a table, in any case, with their wrong form."""
    for index, token in enumerate(tokens):
        wrong = table.get(core(token).lower())
        if wrong is not None:
            yield index, wrong
