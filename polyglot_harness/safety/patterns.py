"""Regular expressions of a stranger: those that could search for ever."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

from polyglot_harness.safety.limits import REGEX_REPEATS, REGEX_UNBOUNDED, REGEX_WIDE

_UNBOUNDED = 100
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)
_WIDE = (_constants.ANY, _constants.NOT_LITERAL)
_OTHERS = (_constants.CATEGORY_NOT_DIGIT, _constants.CATEGORY_NOT_SPACE,
           _constants.CATEGORY_NOT_WORD)  # fmt: skip


class _Count(NamedTuple):
    """Repetitions that a search may have to try together."""

    variable: int = 0
    unbounded: int = 0
    wide: int = 0
    """Of those without bound, those of nearly any character."""


def pattern_problem(pattern: str, size: int) -> str | None:
    """Say what is wrong with a pattern.

    Args:
        pattern: Of Python's `re`.
        size: How many bytes it may have.

    Returns:
        What is wrong; None if nothing is. A repetition within a repetition, and alternatives
        within one, can take exponential time; many one after another, a high power of it.
    """
    if len(pattern.encode(errors="replace")) > size:
        return f"more than {size} bytes"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = _parser.parse(pattern)
    except (re.error, RecursionError, OverflowError, ValueError) as error:
        return f"not valid: {error}"
    if _nested(tree, inside=False):
        return "a repetition, or alternatives, within a repetition"
    count = _count(tree)
    if count.variable > REGEX_REPEATS or count.unbounded > REGEX_UNBOUNDED:
        return f"more than {REGEX_UNBOUNDED} repetitions without bound, or {REGEX_REPEATS} in all"
    if count.wide > REGEX_WIDE:
        return f"more than {REGEX_WIDE} repetitions of any character"
    return None


def _nested(tree: Any, *, inside: bool) -> bool:
    """Whether what is repeated can itself be matched in several ways."""
    for operator, argument in tree:
        repeat = operator in _REPEATS
        if inside and (operator is _constants.BRANCH or (repeat and argument[0] != argument[1])):
            return True
        below = inside or (repeat and int(argument[1]) > 1)
        if any(_nested(part, inside=below) for part in _parts(argument)):
            return True
    return False


def _count(tree: Any) -> _Count:
    """Count repetitions along the worst way through a pattern."""
    total = _Count()
    for operator, argument in tree:
        below = [_count(part) for part in _parts(argument)]
        together = max if operator is _constants.BRANCH else sum
        counts = [together(column) for column in zip(*below, strict=True)] or [0, 0, 0]
        if operator in _REPEATS and argument[0] != argument[1]:
            unbounded = int(argument[1]) > _UNBOUNDED
            wide = unbounded and any(map(_is_wide, argument[2]))
            counts = [n + more for n, more in zip(counts, (1, unbounded, wide), strict=True)]
        total = _Count(*(a + b for a, b in zip(total, counts, strict=True)))
    return total


def _is_wide(part: tuple[Any, Any]) -> bool:
    operator, argument = part
    if operator is not _constants.IN:
        return operator in _WIDE
    return any(kind is _constants.NEGATE or value in _OTHERS for kind, value in argument)


def _parts(argument: Any) -> Iterator[Any]:
    """Yield the patterns inside of an argument."""
    if isinstance(argument, _parser.SubPattern):
        yield argument
    elif isinstance(argument, list | tuple):
        for part in argument:
            yield from _parts(part)
