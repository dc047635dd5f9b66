"""The strategy *translate* (arXiv 2604.11290, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polyglot_harness.spec import Checks
from polyglot_harness.strategies.checks import similar
from polyglot_harness.strategies.fields import Fault, Fields, prompt_and_response


def fields(reply: str, document: Mapping[str, Any], checks: Checks) -> Fields | Fault:
    """An English prompt; the teacher writes it in the language, and a response."""
    found = prompt_and_response(reply, document)
    if isinstance(found, Fault):
        return found
    same = similar(found.prompt, document["prompt"], checks.max_similarity)
    return Fault("source_copied", document["seed_id"]) if same else found
