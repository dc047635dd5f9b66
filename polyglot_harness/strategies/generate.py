"""The strategy *generate* (arXiv 2604.11290, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polyglot_harness.spec import Checks
from polyglot_harness.strategies.checks import copied
from polyglot_harness.strategies.fields import Fault, Fields, prompt_and_response


def fields(reply: str, document: Mapping[str, Any], checks: Checks) -> Fields | Fault:
    """Three seed examples in context, the teacher writes a new prompt and its response."""
    found = prompt_and_response(reply, document)
    if isinstance(found, Fault):
        return found
    return copied(found.prompt, document, "shot_prompts", checks) or found
