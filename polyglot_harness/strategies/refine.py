"""The strategy *refine*: quality enhancement of AgoraBench (arXiv 2412.03679, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polyglot_harness.spec import Checks
from polyglot_harness.strategies.checks import similar
from polyglot_harness.strategies.fields import Fault, Fields, response_only


def fields(reply: str, document: Mapping[str, Any], checks: Checks) -> Fields | Fault:
    """An existing prompt and response; the teacher writes a better response."""
    response = response_only(reply, document)
    if similar(response, document["given_response"], checks.max_similarity):
        return Fault("source_copied", document["seed_id"])
    return Fields(document["prompt"], response, own_prompt=False)
