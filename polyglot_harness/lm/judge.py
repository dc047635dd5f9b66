"""From a reply to an example or a rejection: parsing, checks, and contamination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polyglot_harness.curation.contamination import Index
from polyglot_harness.lm.exchange import Reply
from polyglot_harness.spec import Checks, Example, Rejection, digest
from polyglot_harness.strategies import parse
from polyglot_harness.strategies.checks import reject

PARSER_VERSION = 2
"""Raised when parsing or checks change what becomes an example."""


@dataclass(frozen=True)
class Judge:
    """Decides over replies; equal judges (by `digest`) decide alike."""

    checks: Checks
    refusals: tuple[str, ...] = ()
    contamination: Index | None = None
    """N-grams of the student tasks of the language; None for no such check."""

    def __call__(
        self, document: Mapping[str, Any], reply: Reply, attempt: int
    ) -> Example | Rejection:
        """Return what becomes of the reply to a document."""
        document = {**document, "finish_reason": reply.finish_reason, "attempt": attempt}
        if reply.error:
            return reject("backend_error", reply.text, document, detail=reply.error)
        if reply.finish_reason == "prompt_truncated":
            return reject("prompt_truncated", reply.text, document)
        outcome = parse(reply.text, document, self.checks, self.refusals)
        if isinstance(outcome, Example) and self.contamination:
            for text in (outcome.prompt, outcome.response):
                if shared := self.contamination.overlap(text):
                    return reject("contaminated", reply.text, document, detail=shared)
        return outcome

    def row(self, document: Mapping[str, Any], reply: Reply, attempt: int) -> dict[str, Any]:
        """Return what the log keeps of the decision."""
        outcome = self(document, reply, attempt)
        seed = {"seed_id": document["seed_id"]}
        if isinstance(outcome, Example):
            found = {"prompt": outcome.prompt, "response": outcome.response}
            return {**seed, "reason": "", "detail": "", **found}
        return {**seed, "reason": outcome.reason, "detail": outcome.detail}

    @property
    def digest(self) -> str:
        """Digest of all that decides (16 hex digits)."""
        index = self.contamination.digest if self.contamination else ""
        return digest([PARSER_VERSION, self.checks, self.refusals, index])
