"""The functions that the teacher tasks' YAML names (``!function polyglot_harness.lm.tasks...``)."""

from __future__ import annotations

from typing import Any

from polyglot_harness.languages import load_pack
from polyglot_harness.spec import Example
from polyglot_harness.strategies import parse
from polyglot_harness.strategies.documents import documents


def load_documents(
    language: str,
    strategy: str,
    n: int | None = None,
    teach_seed: int = 0,
    form: str = "chat",
    packs: str | None = None,
    **_: Any,
) -> dict[str, Any]:
    """Build the documents of a teacher task; lm-eval calls it with the task's metadata.

    Args:
        language: Code of the pack.
        strategy: generate, translate or respond.
        n: Number of documents; None for one a seed.
        teach_seed: Decides order and shots.
        form: ``chat`` or ``completion``.
        packs: A further folder of packs.
        _: Other metadata, such as the version and the model's arguments.

    Returns:
        ``{"test": Dataset}``.
    """
    from datasets import Dataset

    pack = load_pack(language, packs)
    rows = documents(pack, strategy, n, seed=teach_seed, form=form)
    return {"test": Dataset.from_list(rows)}


def doc_to_text(document: dict[str, Any]) -> str:
    """Return the request."""
    return str(document["text"])


def process_results(document: dict[str, Any], results: list[str]) -> dict[str, float]:
    """Return 1.0 for `accepted` where the reply becomes an example, else 0.0."""
    return {"accepted": float(isinstance(parse(results[0], document), Example))}
