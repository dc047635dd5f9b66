"""Results of lighteval 0.13: ``results/<model>/results_<date>.json``, and the details beside them.

A task is named with its shots, ``task|shots``. Its details are a Parquet file of one line for each
document and way of asking it, ``details/<model>/<date>/details_<task>|<shots>_<date>.parquet``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError, first_line
from polyglot_harness.files import json_object
from polyglot_harness.leaderboard.importing import Imported, Request
from polyglot_harness.leaderboard.importing.checks import (
    accuracy,
    is_file,
    plain_name,
    read_object,
    stderr,
)
from polyglot_harness.leaderboard.importing.compared import compared
from polyglot_harness.leaderboard.importing.evaluation import (
    Evaluation,
    TaskScores,
    check_mean,
    choose_metric,
    chosen_tasks,
)
from polyglot_harness.scoring.items import Estimate
from polyglot_harness.spec import digest
from polyglot_harness.store import file_sha256

SOURCE = "lighteval"
_DATE = re.compile(r"^results_(\d{4}-\d\d-\d\dT[\d.-]+)$")
_AVERAGE = re.compile(r"^all$|:_average\|")


def read(request: Request) -> Imported:
    """Read the results of a student, and those of its anchors.

    Raises:
        ConfigError: See `compared.compared` and `evaluation`.
    """
    return compared(SOURCE, evaluation, request)


def evaluation(path: Path, wanted: Sequence[str], metrics: Mapping[str, str]) -> Evaluation:
    """Read a results file, and the details where they are."""
    content = read_object(path)
    for name in ("results", "config_general"):
        if not isinstance(content.get(name), dict):
            raise ConfigError(f"{path}: no {name!r}: not a results file of lighteval")
    general = json_object(content["config_general"], f"{path}: config_general")
    results = json_object(content["results"], f"{path}: results")
    known = [key for key in results if not _AVERAGE.search(key)]
    model = str(general.get("model_name") or "")
    date = _DATE.match(path.stem)
    said = {"date": date[1] if date else None, "lighteval_sha": general.get("lighteval_sha")}
    return Evaluation(
        path=path,
        sha256=file_sha256(path),
        model=plain_name(model),
        tasks={
            task: _task(path, content, task, model, metrics) for task in chosen_tasks(known, wanted)
        },
        offered=tuple(known),
        said={name: value for name, value in said.items() if value and value != "?"},
    )


def _task(
    path: Path, content: Mapping[str, Any], task: str, model: str, wanted: Mapping[str, str]
) -> TaskScores:
    where = f"{path}: {task}"
    result = json_object(content["results"][task], where)
    metrics = [name for name in result if not name.endswith("_stderr")]
    metric = choose_metric(task, metrics, wanted, str(path))
    configs = json_object(content.get("config_tasks", {}), f"{path}: config_tasks")
    config = json_object(configs.get(task, {}), f"{path}: config_tasks: {task}")
    said = content["config_general"].get("max_samples")
    counted = config.get("effective_num_docs") or 0
    scores = TaskScores(
        metric=metric,
        conditions=(("version", str(config.get("version"))), ("max_samples", str(said))),
        mean=Estimate(accuracy(result[metric], f"{where}: {metric}"),
                      stderr(result.get(f"{metric}_stderr"))),
        n=counted if isinstance(counted, int) and counted > 0 else 0,
    )  # fmt: skip
    details = _details(path, model, task)
    return _with_details(scores, details) if details else scores


def _details(path: Path, model: str, task: str) -> Path | None:
    """Return the task's details, None where there are none."""
    date = _DATE.match(path.stem)
    if not date:
        return None
    name = f"details_{task}_{date[1]}.parquet"
    folders = [
        parent / "details" / model.strip("/") / date[1] for parent in path.absolute().parents
    ]
    return next((f / name for f in [path.parent, *folders] if is_file(f / name)), None)


def _with_details(scores: TaskScores, path: Path) -> TaskScores:
    items: dict[str, float] = {}
    asked: dict[str, str] = {}
    for document, metrics in _rows(path):
        # a document that is asked in two ways has a line for each, with that way's metrics
        if metrics.get(scores.metric) is None:
            continue
        name = str(document.get("id"))
        if name in items:
            raise ConfigError(f"{path}: document {name} a second time")
        items[name] = accuracy(metrics[scores.metric], f"{path}: document {name}: {scores.metric}")
        asked[name] = digest([document.get(k) for k in ("query", "choices", "gold_index")])
    if not items:
        raise ConfigError(f"{path}: no {scores.metric} of any document")
    check_mean(items.values(), scores.mean.value or 0.0, f"{path}: {scores.metric}")
    return replace(scores, n=len(items), items=items, asked=asked)


def _rows(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=["doc", "metric"])
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(f"{path}: not details of lighteval: {first_line(error)}") from None
    for row in table.to_pylist():
        document, metrics = row.get("doc"), row.get("metric")
        if not isinstance(document, dict) or not isinstance(metrics, dict):
            raise ConfigError(f"{path}: not details of lighteval: doc and metric are no records")
        yield document, metrics
