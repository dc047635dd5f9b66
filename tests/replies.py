"""What the tests of documents, parsing and checks share."""

from __future__ import annotations

from typing import Any

import pytest

from polyglot_harness.languages import load_pack
from polyglot_harness.spec import STRATEGIES, Example, Rejection
from polyglot_harness.strategies import parse
from polyglot_harness.strategies.checks import REASONS
from polyglot_harness.strategies.documents import documents
from polyglot_harness.strategies.templates import FORMS

LANGUAGES = ("ar", "cs", "de", "es", "id", "ja")
Document = dict[str, Any]

languages = pytest.mark.parametrize("language", LANGUAGES)
strategies = pytest.mark.parametrize("strategy", STRATEGIES)
forms = pytest.mark.parametrize("form", FORMS)

PROMPT = "Nenne drei Tiere, die im Wald leben, und beschreibe eines davon."
RESPONSE = "Im Wald leben Rehe, Füchse und Eulen. Die Eule jagt nachts und hört sehr gut."


def document(language: str = "de", strategy: str = "generate", **changes: Any) -> Document:
    form = changes.pop("form", "chat")
    return {**documents(load_pack(language), strategy, 1, form=form)[0], **changes}


def rejected(reply: str, asked: Document, **settings: Any) -> Rejection:
    outcome = parse(reply, asked, **settings)
    assert isinstance(outcome, Rejection), outcome
    assert (outcome.id, outcome.reply) == (asked["id"], reply)
    assert (outcome.language, outcome.strategy) == (asked["language"], asked["strategy"])
    assert outcome.reason in REASONS
    return outcome


def reason(reply: str, asked: Document, **settings: Any) -> str:
    return rejected(reply, asked, **settings).reason


def accepted(reply: str, asked: Document, **settings: Any) -> Example:
    outcome = parse(reply, asked, **settings)
    assert isinstance(outcome, Example), outcome
    return outcome
