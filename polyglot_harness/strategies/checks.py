"""Checks that turn a parsed reply into an example or a rejection with its reason."""

from __future__ import annotations

import difflib
import re
import zlib
from collections.abc import Mapping
from typing import Any

from rapidfuzz.distance import Indel

from polyglot_harness.language_id import identify, prose
from polyglot_harness.spec import Checks, Example, Rejection
from polyglot_harness.strategies.fields import Fault, Fields, encodable
from polyglot_harness.strategies.refusals import refused

REASONS = (
    "empty", "unparsable", "missing_prompt", "wrong_language", "source_copied", "prompt_echoed",
    "refusal", "truncated", "too_short", "too_long", "repetitive", "duplicate", "seed_copied",
    "contaminated", "backend_error", "prompt_truncated",
)  # fmt: skip
"""Why a reply is no example. Duplicates, contamination and errors of a backend are found by the
engine, all else here."""
DEFAULT = Checks()
MIN_IDENTIFIABLE = 12
"""Fewer letters than this say too little about the language."""
SENTENCE_END = re.compile(r"[.!?。！？؟…][\"”“»』」)]*(?=\s|$|[^\x00-\x7f])")
REPEATED = re.compile(r"(.{2,40}?)\1{4,}", re.DOTALL)
REPEATED_SHORT = re.compile(r"(.{2,6}?)\1{4,}", re.DOTALL)
STRETCH = 28
"""A repeat of 7 signs or more, five times over, holds a stretch of so many twice."""
LONG = 4_000
"""Characters beyond which matching blocks take too long, and a common subsequence decides."""
PLACEHOLDER = re.compile(r"^<.{3,60}>$", re.DOTALL)


def accept(
    fields: Fields,
    reply: str,
    document: Mapping[str, Any],
    checks: Checks,
    refusals: tuple[str, ...],
) -> Example | Rejection:
    """Apply all checks.

    Args:
        fields: Prompt and response.
        reply: The raw reply, kept in a rejection.
        document: What was asked.
        checks: Which checks, with what thresholds.
        refusals: How models decline in the language.

    Returns:
        The example, or a rejection whose reason is the first check that failed.
    """
    prompt, response, own_prompt, cut = fields
    if cut or document.get("finish_reason") == "length":
        response = to_sentence_end(response)
        if not response:
            return reject("truncated", reply, document, "no sentence was complete")
    language = document["language"]
    fault = response_fault(prompt, response, language, checks, refusals)
    if not fault and own_prompt:
        fault = _prompt_fault(prompt, language, checks)
    if not fault:
        fault = copied(response, document, "shot_responses", checks)
    if fault:
        return reject(fault.reason, reply, document, fault.detail)
    ended = document.get("finish_reason")
    return Example(
        id=document["id"],
        language=language,
        strategy=document["strategy"],
        seed_id=document["seed_id"],
        prompt=prompt,
        response=response,
        finish_reason=ended if ended in ("stop", "length") else "unknown",
        attempt=document.get("attempt", 1),
    )


def reject(reason: str, reply: str, document: Mapping[str, Any], detail: str = "") -> Rejection:
    """Build the rejection of a document's reply; halves of surrogate pairs in it are escaped."""
    return Rejection(
        id=document["id"],
        language=document["language"],
        strategy=document["strategy"],
        reason=reason,
        reply=_storable(reply),
        attempt=document.get("attempt", 1),
        detail=_storable(detail),
    )


def response_fault(
    prompt: str,
    response: str,
    language: str,
    checks: Checks = DEFAULT,
    refusals: tuple[str, ...] = (),
) -> Fault | None:
    """Return why a response is not usable, or None."""
    if not response:
        return Fault("empty")
    shortest = checks.min_characters
    if len(response) < shortest or sum(map(str.isalnum, response)) < shortest // 2:
        return Fault("too_short", f"{len(response)} characters")
    if len(response) > checks.max_characters:
        return Fault("too_long", f"{len(response)} characters")
    if PLACEHOLDER.match(response):
        return Fault("unparsable", "placeholder")
    if similar(prompt, response, checks.max_similarity):
        return Fault("prompt_echoed")
    if checks.refusal and (phrase := refused(response, refusals)):
        return Fault("refusal", phrase)
    return _text_fault(response, language, checks)


def _prompt_fault(prompt: str, language: str, checks: Checks) -> Fault | None:
    if PLACEHOLDER.match(prompt):
        return Fault("unparsable", "placeholder")
    if len(prompt) < checks.min_characters:
        return Fault("missing_prompt", f"{len(prompt)} characters")
    if len(prompt) > checks.max_characters:
        return Fault("too_long", f"prompt: {len(prompt)} characters")
    fault = _text_fault(prompt, language, checks)
    return Fault(fault.reason, f"prompt: {fault.detail}") if fault else None


def _text_fault(text: str, language: str, checks: Checks) -> Fault | None:
    """Return what is wrong with a text of the teacher, be it prompt or response."""
    if repeated := repetition(text, checks.max_compression):
        return Fault("repetitive", repeated)
    if checks.language and (found := language_of(text, language)) != language:
        return Fault("wrong_language", found)
    return None


def copied(text: str, document: Mapping[str, Any], field: str, checks: Checks) -> Fault | None:
    """Return the fault of a text that is a seed's, by the document's `shot_prompts` or so."""
    seeds = document[field]
    names = document.get("shot_ids", ("",) * len(seeds))
    for name, seed in zip(names, seeds, strict=False):
        if similar(text, seed, checks.max_similarity):
            return Fault("seed_copied", name)
    return None


def language_of(text: str, language: str) -> str:
    """Return the code of a text's language; one with hardly a letter is in the wanted language."""
    letters = sum(map(str.isalpha, prose(text)))
    return language if letters < MIN_IDENTIFIABLE else identify(text, language)


def speaks(text: str, language: str) -> bool:
    """Whether `text` is in the language; texts with hardly a letter count as such."""
    return language_of(text, language) == language


def repetitive(text: str, max_compression: float = DEFAULT.max_compression) -> bool:
    """Whether the text repeats itself."""
    return bool(repetition(text, max_compression))


def repetition(text: str, max_compression: float = DEFAULT.max_compression) -> str:
    """Return how the text repeats itself: its compression ratio, or what is repeated; or "".

    Args:
        text: A prompt or response. Under 100 bytes hardly any compresses.
        max_compression: len / zlib len; natural text of these lengths stays under 3 (gzip ratio,
            e.g. arXiv 2403.00553).
    """
    data = text.encode()
    ratio = len(data) / len(zlib.compress(data, 9))
    if ratio > max_compression:
        return f"compresses {ratio:.1f} times"
    # the long search is slow, and most texts have no long stretch twice
    stretches = [text[i : i + STRETCH] for i in range(len(text) - STRETCH + 1)]
    pattern = REPEATED if len(set(stretches)) < len(stretches) else REPEATED_SHORT
    # rules of dashes, indentation and long numbers repeat signs, not words
    units = (match[1] for match in pattern.finditer(text))
    return next((unit for unit in units if any(map(str.isalpha, unit))), "")


def similar(a: str, b: str, limit: float = DEFAULT.max_similarity) -> bool:
    """Whether two texts are the same but for details (case, space, a word).

    Args:
        a: A text.
        b: Another one.
        limit: The share (0-1) of characters in matching blocks above which they are.
    """
    a, b = (" ".join(text.lower().split()) for text in (a, b))
    if a == b:
        return True
    # a common subsequence is no shorter than the matching blocks, and a thousand times faster
    if Indel.normalized_similarity(a, b, score_cutoff=limit) <= limit:
        return False
    return len(a) > LONG or difflib.SequenceMatcher(None, a, b, autojunk=False).ratio() > limit


def to_sentence_end(text: str) -> str:
    """Cut a reply that ran out of tokens back to its last complete sentence."""
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    return text[: ends[-1]].strip() if ends else ""


def _storable(text: str) -> str:
    return text if encodable(text) else text.encode(errors="backslashreplace").decode()
