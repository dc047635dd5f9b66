"""The strategy *translate* (arXiv 2604.11290, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polyglot_harness.spec import Example, Rejection
from polyglot_harness.strategies.checks import accept, reject, similar
from polyglot_harness.strategies.fields import prompt_and_response


def parse(reply: str, document: Mapping[str, Any]) -> Example | Rejection:
    """An English prompt; the teacher writes it in the language, and a response."""
    found = prompt_and_response(reply, document)
    if isinstance(found, str):
        return reject(found, reply, document)
    prompt, response = found
    if similar(prompt, document["prompt"]):
        return reject("source_copied", reply, document)
    return accept(prompt, response, reply, document, own_prompt=True)
