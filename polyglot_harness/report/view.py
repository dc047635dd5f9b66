"""What the page's script gets to know: metrics with their tails, the map, and the texts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.errors import HarnessError, StoreError, first_line
from polyglot_harness.intrinsic.samples import Data
from polyglot_harness.report.columns import Column, column
from polyglot_harness.report.projection import project
from polyglot_harness.report.texts import check_ids, read_examples
from polyglot_harness.report.values import (
    Distribution,
    Rows,
    Table,
    Tails,
    distribution,
    rounded,
    shuffled,
    tails,
)
from polyglot_harness.spec import STRATEGIES, LanguagePack

MAPPED, LISTED = 2_000, 500
"""Examples on the map, and in the list that can be searched: chosen by chance."""
ON_MAP, IN_LIST, IN_TAILS = 400, 1_000, 4_000
"""Characters kept of a prompt and of a response that is on the map, in the list, in the tails."""
TAILS_TOTAL = 2_000_000
"""Characters of all tails together, by which many metrics with long texts stay one page."""


@dataclass(frozen=True)
class Metric:
    """One column of the table of values."""

    name: str
    column: Column
    distribution: Distribution | None
    tails: Tails | None
    missing: int


COLOURS = 4


def colour(strategy: str, strategies: list[str]) -> int:
    """Return the number of a strategy's colour and shape: ours have the same on every page."""
    if strategy in STRATEGIES:
        return STRATEGIES.index(strategy) % COLOURS
    return strategies.index(strategy) % COLOURS


@dataclass
class View:
    """All that the page shows of the examples."""

    n: int
    strategies: list[str]
    by_strategy: list[int]
    metrics: list[Metric]
    script: dict[str, Any] = field(default_factory=dict)
    """The data of the page's script."""
    map_method: str = ""
    map_missing: str = ""
    """Why there is no map."""


def make_view(
    pack: LanguagePack,
    data: Data,
    table: Table,
    vectors: Callable[[Literal["prompt", "response"]], NDArray[np.float32]] | None,
    where: str,
) -> View:
    """Look at all values and choose what is shown.

    Raises:
        StoreError: If the values are not those of the data.
    """
    order = shuffled(len(data))
    metrics = [_metric(name, pack, table, order) for name in table.columns]
    view = View(
        n=len(data),
        strategies=table.strategies,
        by_strategy=[int((table.codes == i).sum()) for i in range(len(table.strategies))],
        metrics=metrics,
    )
    points = _map(view, vectors, order[:MAPPED])
    listed = order[:LISTED]
    limits = _limits(metrics, listed, [row for row, _, _ in points])
    examples = read_examples(data, limits)
    check_ids(examples, table.ids(np.array(list(examples), dtype=np.int64)), where)
    _add_values(examples, table)
    place = {row: i for i, row in enumerate(examples)}
    view.script = {
        "language": pack.code,
        "direction": pack.direction,
        "strategies": view.strategies,
        "colours": [colour(name, view.strategies) for name in view.strategies],
        "metrics": [_script_metric(metric, place) for metric in metrics],
        "examples": list(examples.values()),
        "map": [[place[row], x, y] for row, x, y in points],
        "list": [place[int(row)] for row in listed],
    }
    return view


def _metric(name: str, pack: LanguagePack, table: Table, order: Rows) -> Metric:
    values = table.column(name)
    return Metric(
        name=name,
        column=column(name, pack),
        distribution=distribution(values, table.codes, len(table.strategies)),
        tails=tails(values, order),
        missing=int(np.isnan(values).sum()),
    )


def _map(
    view: View,
    vectors: Callable[[Literal["prompt", "response"]], NDArray[np.float32]] | None,
    rows: Rows,
) -> list[tuple[int, float, float]]:
    """Return (number of the example, x, y) of each point; say in the view why there is none."""
    if not len(rows):
        view.map_missing = "there are no examples"
        return []
    if vectors is None:
        view.map_missing = "no embeddings were made (measure distinct_ri, which needs them)"
        return []
    rows = np.sort(rows)
    try:
        every = vectors("prompt")
        if len(every) != view.n:
            raise StoreError(f"{len(every)} vectors for {view.n} examples; measure the data again")
        chosen = np.asarray(every[rows], dtype=np.float32)
        whole = np.isfinite(chosen).all(axis=1)
        if not whole.any():
            raise StoreError("no vector is finite")
        points, view.map_method = project(chosen[whole])
    except HarnessError as error:
        view.map_missing = first_line(error)
        return []
    return [
        (int(row), round(float(x), 4), round(float(y), 4))
        for row, (x, y) in zip(rows[whole], points, strict=True)
    ]


def _limits(metrics: list[Metric], listed: Rows, mapped: list[int]) -> dict[int, int]:
    """Return how much is kept of the texts of each example that is shown."""
    ends = {
        int(row)
        for m in metrics
        if m.tails
        for rows in (m.tails.lowest, m.tails.typical, m.tails.highest)
        for row in rows
    }
    full = max(IN_LIST, min(IN_TAILS, TAILS_TOTAL // (2 * max(len(ends), 1))))
    return (
        dict.fromkeys(mapped, ON_MAP)
        | dict.fromkeys((int(row) for row in listed), IN_LIST)
        | dict.fromkeys(sorted(ends), full)
    )


def _add_values(examples: dict[int, dict[str, Any]], table: Table) -> None:
    rows = np.array(list(examples), dtype=np.int64)
    columns = [rounded(table.column(name)[rows]) for name in table.columns]
    for i, (row, example) in enumerate(examples.items()):
        example["strategy"] = int(table.codes[row])
        example["values"] = [values[i] for values in columns]


def _script_metric(metric: Metric, place: dict[int, int]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": metric.name,
        "label": metric.column.label,
        "unit": metric.column.unit,
        "better": metric.column.better,
        "same": metric.distribution is not None and metric.distribution.same is not None,
    }
    if metric.distribution and metric.tails:
        t, d = metric.tails, metric.distribution
        parts = {"lowest": t.lowest, "typical": t.typical, "highest": t.highest}
        found |= {part: [place[int(row)] for row in rows] for part, rows in parts.items()}
        found |= {"tied": t.tied, "log": d.scale == "log", "ends": rounded(d.edges[[0, -1]])}
    return found
