"""From lm-eval's samples to measurements: every metric of a task, with its uncertainty.

The *primary* metric is the first one of the first filter that gives a number per document; it
stands in ``items.jsonl`` and makes the score. Documents with one ``id`` are one item (both orders
of a comparison): they are averaged, and n and errors are over items.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from polyglot_harness.errors import StageError
from polyglot_harness.intrinsic.estimate import mean_of
from polyglot_harness.lm.corpus_scores import corpus_score
from polyglot_harness.scoring.items import estimate
from polyglot_harness.spec import Measurement, Pairs, pairs

MAX_CATEGORIES = 64
"""A field with more values than this is no category."""
Samples = Sequence[Mapping[str, Any]]
"""lm-eval's logged samples: one per document and filter."""
Column = list[tuple[str, Any]]
"""(item, value) of each document that has the metric."""


def score_task(
    name: str,
    language: str,
    samples: Samples,
    aggregations: Mapping[str, Callable[..., Any]],
    *,
    num_fewshot: int,
    seed: int,
) -> tuple[list[Measurement], list[dict[str, Any]]]:
    """Return all measurements of a task, the primary one first, and its items.

    Args:
        name: The task's.
        language: Code.
        samples: Of lm-eval.
        aggregations: Metric -> the task's function from the documents' values to one number.
        num_fewshot: Examples in each prompt.
        seed: Of the bootstrap where a metric is not a mean of numbers.

    Returns:
        Measurements named ``name`` (primary), ``name:metric`` or, with several filters,
        ``name:metric,filter``; where documents have a ``category``, ``name:category=...`` and
        ``name:macro``, the unweighted mean over categories. Items as dicts of ``item``, ``score``
        and, where there is one, ``category``; none if no metric gives a number per document.

    Raises:
        StageError: If there are no documents.
    """
    if not samples:
        raise StageError(f"task {name}: no items")
    columns = _columns(samples)
    filters = {of for _, of in columns}
    primary = next((key for key, column in columns.items() if _numeric(column)), None)
    measured: list[Measurement] = []
    for key, column in columns.items():
        metric, of = key
        shown = f"{name}:{metric},{of}" if len(filters) > 1 else f"{name}:{metric}"
        params = {"metric": metric, "filter": of, "num_fewshot": num_fewshot}
        means = _is_mean(aggregations.get(metric)) and _numeric(column)
        if key == primary or means:
            first = name if key == primary else shown
            measured.append(_mean(first, language, column, params))
        if not means:
            # without a primary metric the first one has the name of the task
            first = name if primary is None and not measured else shown
            measured.append(
                corpus_score(
                    first, language, [v for _, v in column], _units(column),
                    aggregations.get(metric, _plain_mean), seed=seed, params=pairs(params),
                )
            )  # fmt: skip
    measured.sort(key=lambda m: m.name != name)
    if primary is None:
        return measured, []
    items, categories = _items(columns[primary]), _categories(samples)
    params = {"metric": primary[0], "filter": primary[1], "num_fewshot": num_fewshot}
    measured[1:1] = _by_category(name, language, items, categories, pairs(params))
    return measured, [
        {"item": item, "score": score}
        | ({"category": categories[item]} if item in categories else {})
        for item, score in items.items()
    ]


def _columns(samples: Samples) -> dict[tuple[str, str], Column]:
    """Return the values of each (metric, filter), first seen first."""
    columns: dict[tuple[str, str], Column] = {}
    for sample in samples:
        for metric in sample["metrics"]:
            if metric != "bypass":
                column = columns.setdefault((metric, sample["filter"]), [])
                column.append((_item_id(sample), sample[metric]))
    return columns


def _item_id(sample: Mapping[str, Any]) -> str:
    document = sample["doc"]
    own = document.get("id") if isinstance(document, dict) else None
    return str(sample["doc_id"] if own is None else own)


def _numeric(column: Column) -> bool:
    return all(isinstance(value, (bool, int, float, np.number, np.bool_)) for _, value in column)


def _is_mean(aggregation: Callable[..., Any] | None) -> bool:
    """Whether it is lm-eval's mean, which it also takes where a task names none."""
    from lm_eval.api.registry import get_aggregation

    return aggregation is None or aggregation is get_aggregation("mean")


def _plain_mean(values: Iterable[float]) -> float:
    found = list(values)
    return math.fsum(found) / len(found)


def _items(column: Column) -> dict[str, float]:
    """Return the mean of each item's documents, items in order of their first."""
    found: dict[str, list[float]] = {}
    for item, value in column:
        found.setdefault(item, []).append(float(value))
    return {item: math.fsum(values) / len(values) for item, values in found.items()}


def _units(column: Column) -> list[int]:
    """Return the number of each document's item."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(item, len(numbers)) for item, _ in column]


def _mean(name: str, language: str, column: Column, params: dict[str, Any]) -> Measurement:
    items = _items(column)
    more = {"documents": len(column)} if len(column) > len(items) else {}
    return mean_of(name, language, list(items.values()), pairs(params | more))


def _categories(samples: Samples) -> dict[str, str]:
    """Return item -> category, of the first document; {} where they say nothing."""
    found: dict[str, Hashable] = {}
    for sample in samples:
        document = sample["doc"]
        if isinstance(document, dict) and isinstance(document.get("category"), str):
            found.setdefault(_item_id(sample), document["category"])
    several = 1 < len(set(found.values())) <= MAX_CATEGORIES
    return {item: str(category) for item, category in found.items()} if several else {}


def _by_category(
    name: str,
    language: str,
    items: Mapping[str, float],
    categories: Mapping[str, str],
    params: Pairs,
) -> list[Measurement]:
    if not categories:
        return []
    groups: dict[str, list[float]] = {}
    for item, score in items.items():
        if item in categories:
            groups.setdefault(categories[item], []).append(score)
    found = estimate(tuple(np.array(group) for group in groups.values()))
    n = sum(map(len, groups.values()))
    return [
        Measurement(
            name=f"{name}:macro", language=language, value=found.value, stderr=found.stderr, n=n,
            params=params,
        ),
        *(
            mean_of(f"{name}:category={category}", language, groups[category], params)
            for category in sorted(groups)
        ),
    ]  # fmt: skip
