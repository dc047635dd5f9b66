"""The strategy *respond* (arXiv 2604.11290, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polyglot_harness.spec import Example, Rejection
from polyglot_harness.strategies.checks import accept
from polyglot_harness.strategies.fields import response_only


def parse(reply: str, document: Mapping[str, Any]) -> Example | Rejection:
    """An existing prompt of the language; the teacher writes the response."""
    response = response_only(reply, document)
    return accept(document["prompt"], response, reply, document, own_prompt=False)
