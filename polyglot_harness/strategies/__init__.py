"""How one SFT example is made: a document (what is asked) and ``parse(reply, document)``.

The strategies of arXiv 2604.11290, section 3: *generate* (three seed examples in context, a new
prompt and response), *translate* (an English prompt into the language, and a response), *respond*
(an existing prompt of the language, a response); and *refine* (a prompt with a response, a better
response), the quality enhancement of arXiv 2412.03679. One file each; all are pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from polyglot_harness.errors import unknown_name
from polyglot_harness.spec import STRATEGIES, Checks, Example, Rejection
from polyglot_harness.strategies import generate, refine, respond, translate
from polyglot_harness.strategies.checks import DEFAULT, accept, reject
from polyglot_harness.strategies.fields import (
    REPLY_SCHEMA,
    Fault,
    Fields,
    encodable,
    without_thoughts,
)
from polyglot_harness.strategies.refusals import refused

__all__ = ["DESCRIPTIONS", "REPLY_SCHEMA", "parse"]

_FIELDS: dict[str, Callable[[str, Mapping[str, Any], Checks], Fields | Fault]] = {
    "generate": generate.fields,
    "translate": translate.fields,
    "respond": respond.fields,
    "refine": refine.fields,
}
DESCRIPTIONS = {name: (_FIELDS[name].__doc__ or "").split("\n")[0] for name in STRATEGIES}
OVERHEAD = 4
"""A reply longer than so many times the longest text is not even parsed."""


def parse(
    reply: str,
    document: Mapping[str, Any],
    checks: Checks = DEFAULT,
    refusals: tuple[str, ...] = (),
) -> Example | Rejection:
    """Turn a teacher's reply into an example, or say why it is none.

    Args:
        reply: The reply as it arrived.
        document: The document of `strategies.documents` that was asked; besides, it may hold
            ``finish_reason`` (of `lm.exchange.FinishReason`) and ``attempt``.
        checks: Which checks the reply must pass, with what thresholds.
        refusals: How models decline in the language, `LanguagePack.refusals`.
    """
    strategy = document["strategy"]
    if strategy not in _FIELDS:
        raise unknown_name("strategy", strategy, STRATEGIES)
    ended = document.get("finish_reason")
    if ended == "content_filter":
        return reject("refusal", reply, document, "content filter")
    if ended == "prompt_truncated":
        return reject("prompt_truncated", reply, document)
    found = _found(reply, document, checks, refusals)
    if isinstance(found, Fault):
        return reject(found.reason, reply, document, found.detail)
    return accept(found, reply, document, checks, refusals)


def _found(
    reply: str, document: Mapping[str, Any], checks: Checks, refusals: tuple[str, ...]
) -> Fields | Fault:
    if not encodable(reply):
        return Fault("unparsable", "half of a surrogate pair")
    text = without_thoughts(reply)
    if isinstance(text, Fault):
        return text
    if len(text) > OVERHEAD * checks.max_characters:
        return Fault("too_long", f"{len(text)} characters")
    found = _FIELDS[document["strategy"]](text, document, checks)
    unparsed = isinstance(found, Fault) and found.reason == "unparsable"
    if unparsed and checks.refusal and (phrase := refused(text, refusals)):
        return Fault("refusal", phrase)
    return found
