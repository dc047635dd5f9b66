"""The strategy *respond* (arXiv 2604.11290, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polyglot_harness.spec import Checks
from polyglot_harness.strategies.fields import Fault, Fields, response_only


def fields(reply: str, document: Mapping[str, Any], checks: Checks) -> Fields | Fault:
    """An existing prompt of the language; the teacher writes the response."""
    return Fields(document["prompt"], response_only(reply, document), own_prompt=False)
