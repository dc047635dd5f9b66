"""From a judge's reply to its scores, forgivingly in form and strictly in numbers.

A score is read from a JSON object (fenced, wrapped, or with text around it), or else, where there
is none that can be decoded, from ``criterion: N`` wherever a line or a field begins, which also
reads broken JSON. What is no whole number from 1 to 5 is never rounded or moved into the range.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from polyglot_harness.intrinsic.judging.criteria import HIGHEST, LOWEST
from polyglot_harness.lm.exchange import Reply
from polyglot_harness.spec import digest
from polyglot_harness.strategies.fields import Fault, without_thoughts

VERSION = 1
"""Raised when other scores are read from the same replies."""
REASONS = (
    "empty", "unparsable", "out_of_range", "truncated", "refusal", "prompt_truncated",
    "backend_error",
)  # fmt: skip
"""Why a reply is no judgement."""
DEPTH = 4
"""Objects in objects that are looked into."""
_INNER = ("score", "rating", "value")
_DECODER = json.JSONDecoder(strict=False)
_NUMBER = re.compile(rf"([+-]?\d+(?:[.,]\d+)?)(?:\s*(?:/|out of|of)\s*{HIGHEST})?\.?")


@dataclass(frozen=True)
class Reader:
    """Reads judgements for the engine."""

    criteria: tuple[str, ...]

    def row(self, document: Mapping[str, Any], reply: Reply, attempt: int) -> dict[str, Any]:
        """Return what the log keeps: the scores in the order of the criteria, or why none."""
        found = read(reply, self.criteria)
        if isinstance(found, Fault):
            return {"reason": found.reason, "detail": found.detail}
        return {"reason": "", "detail": "", "scores": found}

    @property
    def digest(self) -> str:
        """Digest of all that decides (16 hex digits)."""
        return digest([VERSION, self.criteria])


def read(reply: Reply, criteria: Sequence[str]) -> list[int] | Fault:
    """Return a score for each criterion, or why the reply has not all of them.

    Args:
        reply: Of the judge.
        criteria: Names, e.g. ``cultural_nuance``.
    """
    if reply.error:
        return Fault("backend_error", reply.error)
    if reply.finish_reason == "prompt_truncated":
        return Fault("prompt_truncated")
    if reply.finish_reason == "content_filter":
        return Fault("refusal", "content filter")
    found = _scores(reply.text, criteria)
    if isinstance(found, Fault) and found.reason == "unparsable":
        return Fault("truncated", found.detail) if reply.finish_reason == "length" else found
    return found


def _scores(reply: str, criteria: Sequence[str]) -> list[int] | Fault:
    text = without_thoughts(reply)
    if isinstance(text, Fault):
        return text
    if not text.strip():
        return Fault("empty")
    said = said_in_json(text, criteria) or _said_in_lines(text, criteria)
    scores: list[int] = []
    for name in criteria:
        given = said.get(name, [])
        numbers = {_number(value) for value in given}
        if len(numbers) != 1:
            return Fault("unparsable", f"{name}: {'more than one' if numbers else 'no'} score")
        (number,) = numbers
        if number is None:
            return Fault("unparsable", f"{name}: {given[0]!r:.40}")
        if number != int(number) or not LOWEST <= number <= HIGHEST:
            return Fault("out_of_range", f"{name}: {given[0]!r:.40}")
        scores.append(int(number))
    return scores


def _number(value: Any) -> float | None:
    """Return the number that a value stands for: 4, 4.0, "4", "4/5"; None where it is none."""
    if isinstance(value, dict):
        return next((_number(value[key]) for key in _INNER if key in value), None)
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value.strip())
        return float(match[1].replace(",", ".")) if match else None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9:
        return float(value)  # the limit holds off infinity, and integers beyond any double
    return None


def said_in_json(text: str, criteria: Sequence[str]) -> dict[str, list[Any]]:
    """Return what the objects in a text say of each criterion."""
    said: dict[str, list[Any]] = {}
    for value in _objects(text):
        _collect(value, criteria, said, DEPTH)
    return said


def _objects(text: str) -> Iterator[Any]:
    """Yield the JSON objects in a text."""
    start = text.find("{")
    while start >= 0:
        try:
            value, end = _DECODER.raw_decode(text, start)
            yield value
        except (ValueError, RecursionError):  # also of an endless number
            end = start + 1
        start = text.find("{", end)


def _collect(value: Any, criteria: Sequence[str], said: dict[str, list[Any]], depth: int) -> None:
    if isinstance(value, dict) and depth:
        for key, inner in value.items():
            name = re.sub(r"[\W_]+", "_", key.casefold()).strip("_")
            if name in criteria:
                said.setdefault(name, []).append(inner)
            else:
                _collect(inner, criteria, said, depth - 1)
    elif isinstance(value, list) and depth:
        for inner in value:
            _collect(inner, criteria, said, depth - 1)


def _said_in_lines(text: str, criteria: Sequence[str]) -> dict[str, list[Any]]:
    """Return what the lines of a text say of each criterion, as text."""
    said = {name: _line(name).findall(text) for name in criteria}
    return {name: values for name, values in said.items() if values}


@cache
def _line(name: str) -> re.Pattern[str]:
    """Match ``name: N`` where a line or a field begins, with marks of lists, Markdown or JSON."""
    label = name.replace("_", r"[ _-]?")
    mark = r"[\"'“”*_`]{0,4}"
    # a range (1-5, 4 or 5) is no score; what is possessive cannot be cut to the start of one
    number = r"[+-]?\d++(?:[.,]\d++)?+(?:\s*+/\s*+\d++)?+(?!\s*(?:[-–—]|or|to)\s*\d)"
    return re.compile(
        rf"(?:^|[\n{{,;])[ \t\r\n]*(?:[-*•#]+[ \t]*|\d+[.)][ \t]*)?{mark}{label}{mark}"
        rf"[ \t]*[:：=][ \t]*{mark}[ \t]*({number})",
        re.IGNORECASE,
    )
