"""Results of lm-eval 0.4: ``results_<date>.json``, with ``samples_<task>_<date>.jsonl`` beside it.

The samples are what is paired. That they belong to the results is checked by lm-eval's own digest
of them (``task_hashes``), their number and their mean.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError
from polyglot_harness.files import json_object, jsonl_rows
from polyglot_harness.leaderboard.importing import Imported, Request
from polyglot_harness.leaderboard.importing.checks import (
    accuracy,
    count,
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

SOURCE = "lm-eval"
_DATE = re.compile(r"_(\d{4}-\d\d-\d\dT[\d.-]+)$")
_HASHES = ("doc_hash", "prompt_hash", "target_hash")


def read(request: Request) -> Imported:
    """Read the results of a student, and those of its anchors.

    Raises:
        ConfigError: See `compared.compared` and `evaluation`.
    """
    return compared(SOURCE, evaluation, request)


def evaluation(path: Path, wanted: Sequence[str], metrics: Mapping[str, str]) -> Evaluation:
    """Read a results file and the samples beside it."""
    content = read_object(path)
    for name in ("results", "configs", "n-samples"):
        json_object(content.get(name, {}), f"{path}: {name}")
        if name not in content:
            raise ConfigError(f"{path}: no {name!r}: not a results file of lm-eval 0.4")
    # groups have results of their own, but no configuration
    tasks = chosen_tasks(content["configs"], wanted)
    samples = _samples(path, tasks)
    return Evaluation(
        path=path,
        sha256=file_sha256(path),
        model=plain_name(str(content.get("model_name") or "")),
        tasks={task: _task(path, content, task, samples.get(task), metrics) for task in tasks},
        offered=tuple(content["configs"]),
        said=_said(content),
    )


def _said(content: Mapping[str, Any]) -> dict[str, Any]:
    date = content.get("date")
    known = {
        "date": datetime.fromtimestamp(date, UTC).isoformat(timespec="seconds")
        if isinstance(date, (int, float)) and 0 < date < 1e11 else None,
        "lm_eval": content.get("lm_eval_version"),
        "transformers": content.get("transformers_version"),
        "model_type": content.get("model_source"),
        "chat_template_sha": content.get("chat_template_sha"),
        "system_instruction_sha": content.get("system_instruction_sha"),
    }  # fmt: skip
    return {name: value for name, value in known.items() if isinstance(value, str) and value}


def _samples(path: Path, tasks: Sequence[str]) -> dict[str, Path]:
    """Return the files of samples of all tasks, or {} where there are none."""
    date = _DATE.search(path.stem)
    if not date:
        return {}
    files = {task: path.parent / f"samples_{task}_{date[1]}.jsonl" for task in tasks}
    there = {task: file for task, file in files.items() if is_file(file)}
    if there and len(there) < len(files):
        lacking = next(files[task] for task in tasks if task not in there)
        raise ConfigError(f"{lacking}: no such file, though other tasks have their samples there")
    return there


def _task(
    path: Path,
    content: Mapping[str, Any],
    task: str,
    samples: Path | None,
    wanted: Mapping[str, str],
) -> TaskScores:
    where = f"{path}: {task}"
    if task not in content["results"]:
        raise ConfigError(f"{where}: no results, though it has a configuration")
    result = json_object(content["results"][task], where)
    metrics = [name for name in result if "," in name and "_stderr," not in name]
    metric = choose_metric(task, metrics, wanted, str(path))
    name, _, of = metric.partition(",")
    counted = json_object(content["n-samples"].get(task), f"{where}: n-samples").get("effective")
    scores = TaskScores(
        metric=metric,
        conditions=tuple(
            (what, str(json_object(content.get(key, {}), f"{path}: {key}").get(task)))
            for what, key in (("version", "versions"), ("shots", "n-shot"))
        ),
        mean=Estimate(accuracy(result[metric], f"{where}: {metric}"),
                      stderr(result.get(f"{name}_stderr,{of}"))),
        n=count(counted, f"{where}: n-samples"),
    )  # fmt: skip
    if samples is None:
        return scores
    expected = json_object(content.get("task_hashes", {}), f"{path}: task_hashes").get(task)
    return _with_samples(scores, samples, task, expected)


def _with_samples(scores: TaskScores, path: Path, task: str, expected: str | None) -> TaskScores:
    name, _, of = scores.metric.partition(",")
    own: dict[str, float] = {}
    asked: dict[str, str] = {}
    prompts = []
    items: dict[str, list[float]] = {}
    seal = hashlib.sha256()
    for line, sample in jsonl_rows(path):
        where = f"{path}:{line}"
        for key in ("doc_id", "filter", "doc", *_HASHES):
            if key not in sample:
                raise ConfigError(f"{where}: no {key!r}: not a sample of lm-eval 0.4")
        seal.update("".join(str(sample[key]) for key in _HASHES).encode())
        if sample["filter"] != of:
            continue
        document = str(sample["doc_id"])
        if document in own:
            raise ConfigError(f"{where}: document {document} a second time")
        if name not in sample:
            raise ConfigError(f"{where}: no {name!r}; name a metric with --metric {task}=NAME")
        own[document] = accuracy(sample[name], f"{where}: {name}")
        asked[document] = digest([sample["doc_hash"], sample["target_hash"]])
        prompts.append([document, sample["prompt_hash"]])
        items.setdefault(_item(sample), []).append(own[document])
    if len(own) != scores.n:
        raise ConfigError(f"{path}: {len(own)} documents, the results say {scores.n}: cut short?")
    if expected and seal.hexdigest() != expected:
        raise ConfigError(f"{path}: not the samples of these results (task_hashes differ)")
    check_mean(own.values(), scores.mean.value or 0.0, f"{path}: {name}")
    return replace(
        scores,
        items={item: sum(values) / len(values) for item, values in items.items()},
        asked=asked,
        prompts=digest(sorted(prompts)),
    )


def _item(sample: Mapping[str, Any]) -> str:
    """Return the document's own id (both orders of a comparison share one), or its number."""
    document = sample["doc"]
    own = document.get("id") if isinstance(document, dict) else None
    return str(sample["doc_id"]) if own is None else str(own)
