"""Regular expressions of a stranger: those that could search for ever."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

_UNBOUNDED = 100
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)


def pattern_problem(pattern: str, size: int) -> str | None:
    """Say what is wrong with a pattern.

    Args:
        pattern: Of Python's `re`.
        size: How many bytes it may have.

    Returns:
        What is wrong; None if nothing is. A repetition within a repetition, and alternatives
        within one, can take exponential time.
    """
    if len(pattern.encode(errors="replace")) > size:
        return f"more than {size} bytes"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = _parser.parse(pattern)
    except (re.error, RecursionError, OverflowError, ValueError) as error:
        return f"not valid: {error}"
    repeats = list(_repeats(tree, 0))
    if max(repeats, default=0) > 1:
        return "a repetition, or alternatives, within a repetition"
    return None


def _repeats(tree: Any, depth: int) -> Iterator[int]:
    """Yield for each unbounded repetition how many it stands in, itself among them."""
    for operator, argument in tree:
        inner = depth
        if operator in _REPEATS and int(argument[1]) > _UNBOUNDED:
            inner += 1
            yield inner
        elif operator is _constants.BRANCH and depth:
            yield depth + 1
        for part in _parts(argument):
            yield from _repeats(part, inner)


def _parts(argument: Any) -> Iterator[Any]:
    """Yield the patterns inside of an argument."""
    if isinstance(argument, _parser.SubPattern):
        yield argument
    elif isinstance(argument, list | tuple):
        for part in argument:
            yield from _parts(part)
