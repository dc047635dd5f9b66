"""Checks that turn a parsed reply into an example or a rejection with its reason."""

from __future__ import annotations

import difflib
import re
import zlib
from collections.abc import Mapping
from typing import Any

from polyglot_harness.language_id import identify
from polyglot_harness.spec import Example, Rejection

MIN_CHARACTERS = 8
"""Shorter responses are no answer worth training on."""
MIN_IDENTIFIABLE = 12
"""Fewer letters than this say too little about the language."""
MAX_COMPRESSION = 4.0
"""len / zlib len; natural text of these lengths stays under 3 (gzip ratio, e.g. arXiv 2403.00553).
Texts under 100 bytes hardly compress and so pass."""
SENTENCE_END = re.compile(r"[.!?。！？؟…][\"”“»』」)]*(?=\s|$|[^\x00-\x7f])")
SAME = 0.9
"""Two texts with a higher similarity ratio are the same but for a detail."""
REPEATED = re.compile(r"(.{2,40}?)\1{4,}", re.DOTALL)
PLACEHOLDER = re.compile(r"^<.{3,60}>$", re.DOTALL)


def accept(
    prompt: str, response: str, reply: str, document: Mapping[str, Any], *, own_prompt: bool
) -> Example | Rejection:
    """Apply all checks.

    Args:
        prompt: The prompt of the example.
        response: The response.
        reply: The raw reply, kept in a rejection.
        document: What was asked.
        own_prompt: The teacher wrote the prompt, so it is checked too.

    Returns:
        The example, or a rejection whose reason is the first check that failed.
    """
    if document.get("finish_reason") == "length":
        response = _to_sentence_end(response)
        if not response:
            return reject("truncated", reply, document)
    reason = response_fault(prompt, response, document["language"])
    if not reason and own_prompt:
        reason = _prompt_fault(prompt, document["language"])
    if not reason and any(similar(response, shot) for shot in document["shot_responses"]):
        reason = "seed_copied"
    if reason:
        return reject(reason, reply, document)
    return Example(
        id=document["id"],
        language=document["language"],
        strategy=document["strategy"],
        seed_id=document["seed_id"],
        prompt=prompt,
        response=response,
        finish_reason=document.get("finish_reason", "unknown"),
    )


def reject(reason: str, reply: str, document: Mapping[str, Any]) -> Rejection:
    """Build the rejection of a document's reply."""
    return Rejection(
        id=document["id"],
        language=document["language"],
        strategy=document["strategy"],
        reason=reason,
        reply=reply,
    )


def response_fault(prompt: str, response: str, language: str) -> str:
    """Return why a response is not usable, or ""."""
    if not response:
        return "empty"
    if len(response) < MIN_CHARACTERS or sum(map(str.isalnum, response)) < MIN_CHARACTERS // 2:
        return "too_short"
    if PLACEHOLDER.match(response):
        return "unparsable"
    if similar(prompt, response):
        return "prompt_echoed"
    if repetitive(response):
        return "repetitive"
    return "" if speaks(response, language) else "wrong_language"


def _prompt_fault(prompt: str, language: str) -> str:
    if PLACEHOLDER.match(prompt):
        return "unparsable"
    if len(prompt) < MIN_CHARACTERS:
        return "missing_prompt"
    if repetitive(prompt):
        return "repetitive"
    return "" if speaks(prompt, language) else "wrong_language"


def speaks(text: str, language: str) -> bool:
    """Whether `text` is in the language; texts with hardly a letter count as such."""
    letters = sum(char.isalpha() for char in text)
    return letters < MIN_IDENTIFIABLE or identify(text, language) == language


def repetitive(text: str) -> bool:
    """Whether the text repeats itself, by its compression ratio."""
    data = text.encode()
    if len(data) / len(zlib.compress(data, 9)) > MAX_COMPRESSION:
        return True
    # rules of dashes, indentation and long numbers repeat signs, not words
    return any(any(map(str.isalpha, match[1])) for match in REPEATED.finditer(text))


def similar(a: str, b: str) -> bool:
    """Whether two texts are the same but for details (case, space, a word)."""
    a, b = (" ".join(text.lower().split()) for text in (a, b))
    if a == b:
        return True
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    # the quick ratios are upper bounds of the exact one
    ratios = (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio)
    return all(ratio() > SAME for ratio in ratios)


def _to_sentence_end(text: str) -> str:
    """Cut a reply that ran out of tokens back to its last complete sentence."""
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    return text[: ends[-1]].strip() if ends else ""
