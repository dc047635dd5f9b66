"""The functions that the teacher tasks' YAML names (``!function polyglot_harness.lm.tasks...``)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from polyglot_harness.languages import load_pack
from polyglot_harness.spec import Example
from polyglot_harness.strategies import parse
from polyglot_harness.strategies.documents import documents, read_given


def load_documents(
    language: str,
    strategy: str,
    n: int | None = None,
    teach_seed: int = 0,
    form: str = "chat",
    packs: str | None = None,
    first: int = 0,
    reply_format: str | None = None,
    instruction_language: str = "en",
    given: str | None = None,
    **_: Any,
) -> dict[str, Any]:
    """Build the documents of a teacher task; lm-eval calls it with the task's metadata.

    Args:
        language: Code of the pack.
        strategy: generate, translate, respond or refine.
        n: Number of documents; None for one a seed.
        teach_seed: Decides order and shots.
        form: ``chat`` or ``completion``.
        packs: A further folder of packs.
        first: Number of the first document.
        reply_format: ``json`` or ``labels``; None for what fits the form.
        instruction_language: ``en``, or ``own`` for instructions in the language.
        given: JSONL file of what the strategy starts from; None for what the pack has.
        _: Other metadata, such as the version and the model's arguments.

    Returns:
        ``{"test": Dataset}``.
    """
    from datasets import Dataset

    rows = documents(
        load_pack(language, packs),
        strategy,
        n,
        seed=teach_seed,
        form=form,
        first=first,
        reply_format=reply_format,
        instruction_language=instruction_language,
        given=read_given(Path(given) if given else None, strategy),
    )
    return {"test": Dataset.from_list([{**row, "packs": packs or ""} for row in rows])}


def doc_to_text(document: dict[str, Any]) -> str:
    """Return the request."""
    return str(document["text"])


def doc_to_target(document: dict[str, Any]) -> str:
    """Return "": there is no right answer (a template would be compiled for every document)."""
    return ""


def process_results(document: dict[str, Any], results: list[str]) -> dict[str, float]:
    """Return 1.0 for `accepted` where the reply becomes an example, else 0.0."""
    refusals = _refusals(document["language"], document["packs"])
    outcome = parse(results[0], document, refusals=refusals)
    return {"accepted": float(isinstance(outcome, Example))}


@cache
def _refusals(language: str, packs: str) -> tuple[str, ...]:
    return load_pack(language, packs or None).refusals
