"""From a judge's reply to its choice of A, B or tie, forgivingly in form alone.

A choice is read from a JSON object (fenced, wrapped, or with text around it), or else from
``better: A`` where a line or a field begins. Two different ones, or a list of all three, are none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from polyglot_harness.intrinsic.judging.verdicts import said_in_json
from polyglot_harness.lm.exchange import Reply
from polyglot_harness.spec import digest
from polyglot_harness.strategies.fields import Fault, without_thoughts

VERSION = 1
"""Raised when another choice is read from the same reply."""
CHOICES = ("A", "B", "tie")
_TIES = ("tie", "draw", "equal", "neither", "both")
_MARK = r"[\"'“”*_`\[(]{0,4}"
_VALUE = rf"(?:(?:answer|response|option)[ _]?)?([ab]|{'|'.join(_TIES)})"
_WHOLE = re.compile(rf"{_MARK}{_VALUE}[\"'“”*_`\]).]{{0,4}}", re.IGNORECASE)
_LINE = re.compile(
    rf"(?:^|[\n{{,;])[ \t]*(?:[-*•#]+[ \t]*)?{_MARK}better{_MARK}[ \t]*[:：=][ \t]*{_MARK}[ \t]*"
    rf"{_VALUE}"
    r"\b(?!\s*(?:[,/|]|or\b))",  # the list of what may be said is no choice
    re.IGNORECASE,
)
_REASONING = re.compile(r"^[\s{\"*_]*reasoning[\"*_]*\s*[:：]\s*\"?|[\s\",*_]+$", re.IGNORECASE)


class Choice(NamedTuple):
    """What a judge chose."""

    better: str
    """One of `CHOICES`."""
    reasoning: str


@dataclass(frozen=True)
class Reader:
    """Reads choices for the engine."""

    def row(self, document: Mapping[str, Any], reply: Reply, attempt: int) -> dict[str, Any]:
        """Return what the log keeps: the choice with its reasoning, or why there is none."""
        found = read(reply)
        if isinstance(found, Fault):
            return {"reason": found.reason, "detail": found.detail}
        return {"reason": "", "detail": "", "better": found.better, "reasoning": found.reasoning}

    @property
    def digest(self) -> str:
        """Digest of all that decides (16 hex digits)."""
        return digest(["side by side", VERSION])


def schema() -> dict[str, Any]:
    """Return the JSON schema of a reply: reasoning first, then the choice."""
    return {
        "type": "object",
        "properties": {
            "reasoning": {"type": "string"},
            "better": {"type": "string", "enum": list(CHOICES)},
        },
        "required": ["reasoning", "better"],
        "additionalProperties": False,
    }


def read(reply: Reply) -> Choice | Fault:
    """Return the choice, or why there is none (see `verdicts.REASONS`)."""
    if reply.error:
        return Fault("backend_error", reply.error)
    if reply.finish_reason == "prompt_truncated":
        return Fault("prompt_truncated")
    if reply.finish_reason == "content_filter":
        return Fault("refusal", "content filter")
    text = without_thoughts(reply.text)
    if isinstance(text, Fault):
        return text
    if not text.strip():
        return Fault("empty")
    found = _choice(text)
    if isinstance(found, Fault) and reply.finish_reason == "length":
        return Fault("truncated", found.detail)
    return found


def _choice(text: str) -> Choice | Fault:
    said = said_in_json(text, ("better", "reasoning"))
    if given := said.get("better"):
        chosen = {_normal(value) for value in given}
        reasoning = next((r for r in said.get("reasoning", []) if isinstance(r, str)), "")
    else:
        lines = list(_LINE.finditer(text))
        chosen = {_normal(line[1]) for line in lines}
        reasoning = _REASONING.sub("", text[: lines[0].start()]) if lines else ""
    if len(chosen) != 1:
        return Fault("unparsable", "more than one choice" if chosen else "no choice")
    (better,) = chosen
    if better is None:
        return Fault("unparsable", f"better: {given[0]!r:.40}" if given else "no choice")
    return Choice(better, reasoning.strip())


def _normal(value: Any) -> str | None:
    """Return A, B or tie for what stands for it; None for anything else."""
    match = _WHOLE.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match:
        return None
    found = match[1].lower()
    return "tie" if found in _TIES else found.upper()
