"""The strategy *generate* (arXiv 2604.11290, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polyglot_harness.spec import Example, Rejection
from polyglot_harness.strategies.checks import accept, reject, similar
from polyglot_harness.strategies.fields import prompt_and_response


def parse(reply: str, document: Mapping[str, Any]) -> Example | Rejection:
    """Three seed examples in context, the teacher writes a new prompt and its response."""
    found = prompt_and_response(reply, document)
    if isinstance(found, str):
        return reject(found, reply, document)
    prompt, response = found
    if any(similar(prompt, shot) for shot in document["shot_prompts"]):
        return reject("seed_copied", reply, document)
    return accept(prompt, response, reply, document, own_prompt=True)
