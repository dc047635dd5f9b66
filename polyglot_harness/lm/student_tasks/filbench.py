"""FilBench's translations into Filipino (arXiv 2508.03523): ROUGE-L of each sentence.

The score of Lin 2004 (ACL W04-1013) by the library rouge_score, which lm-eval brings: words in
lower case, without stemming, the F-measure of the longest common subsequence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any


def score_translation(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Return ``rouge_l`` (0-1) of a translation.

    Args:
        doc: ``fil_Latn``, the reference.
        results: The one reply.
    """
    score = _scorer().score(doc["fil_Latn"], results[0])
    return {"rouge_l": float(score["rougeL"].fmeasure)}


@cache
def _scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"])
