"""Evaluate a student with lm-eval; keep the score of every item, for paired statistics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.files import jsonl_rows, write_jsonl
from polyglot_harness.lm.chunks import seed_everything
from polyglot_harness.lm.eval_progress import reported
from polyglot_harness.lm.hub_data import some
from polyglot_harness.lm.index import load_tasks, task_manager
from polyglot_harness.lm.task_scores import score_task
from polyglot_harness.reporting import Progress, ignore
from polyglot_harness.spec import Measurement, key_hash

ITEMS = "items.jsonl"
NO_LIKELIHOODS = "needs log-likelihoods, which the student's server does not give"


def evaluate(
    lm: Any,
    tasks: Sequence[str],
    language: str,
    folder: Path,
    *,
    limit: int | None,
    seed: int,
    num_fewshot: int | None = None,
    likelihoods: bool = True,
    include_path: str | None = None,
    progress: Progress = ignore,
) -> tuple[Measurement, ...]:
    """Run lm-eval tasks and write ``items.jsonl``: task, item, score (and category), a line each.

    Documents of one task with the same ``id`` are one item, whose score is their mean.

    Args:
        lm: The student's lm-eval ``LM``.
        tasks: Tasks or groups.
        language: Code, for the measurements.
        folder: Where the file goes.
        limit: Items per task; None for all.
        seed: Seeds few-shot draws, sampling and bootstraps.
        num_fewshot: Examples in each prompt; None for what each task says. A task that fixes 0
            keeps it, as in lm-eval.
        likelihoods: Whether `lm` gives log-likelihoods. If not, a task that needs them is replaced
            by the one that its metadata name as ``generative``, or left out.
        include_path: A further folder of YAMLs.
        progress: Called with (requests done, requests in all).

    Returns:
        By task, see `task_scores.score_task`; a task that is left out has no value and a note.

    Raises:
        ConfigError: If a task has fewer few-shot examples than asked for, or all are left out.
            A task whose longest reply is longer than a local student's context is left out, too.
        StageError: If a task has no documents.
    """
    import lm_eval

    loaded, left_out = _load(tasks, include_path, likelihoods)
    left_out |= {name: why for name, task in loaded.items() if (why := _too_long(lm, task))}
    loaded = {name: task for name, task in loaded.items() if name not in left_out}
    if not loaded:
        raise _none_left(left_out)
    for name, task in loaded.items():
        _set_shots(name, task, num_fewshot)
        task.set_fewshot_seed(seed=seed)
    aggregations = {name: _take_aggregation(task) for name, task in loaded.items()}
    seed_everything(int.from_bytes(key_hash("evaluate", seed)[:4], "big"))
    samples: dict[str, Any] = {}
    with reported(progress):
        for (chat, documents, _), part in _calls(loaded).items():
            found = lm_eval.evaluate(
                lm,
                {"tasks": part, "groups": {}, "group_map": {}},
                limit=limit and limit * documents,
                apply_chat_template=chat,
                log_samples=True,
                bootstrap_iters=0,
            )
            samples |= found["samples"]
    measured = [_left_out(name, language, why) for name, why in sorted(left_out.items())]
    rows: list[dict[str, Any]] = []
    for name in sorted(samples):
        shots = int(loaded[name].get_config("num_fewshot"))
        found, items = score_task(
            name, language, samples[name], aggregations[name](), num_fewshot=shots, seed=seed
        )
        measured += found
        rows += ({"task": name, **item} for item in items)
    write_jsonl(folder / ITEMS, rows)
    return tuple(measured)


def read_items(path: Path) -> dict[str, dict[str, float]]:
    """Read ``items.jsonl`` back as task -> item -> score.

    Raises:
        StageError: If a line lacks a field, or there is none: no task gives a number per item.
    """
    items: dict[str, dict[str, float]] = {}
    for number, row in jsonl_rows(path):
        try:
            items.setdefault(row["task"], {})[str(row["item"])] = float(row["score"])
        except (KeyError, TypeError, ValueError):
            raise StageError(f"{path}:{number}: needs task, item and score") from None
    if not items:
        raise StageError(f"{path}: no task gives a number per item, which a score is made of")
    return items


def _load(
    tasks: Sequence[str], include_path: str | None, likelihoods: bool
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the tasks that the student's server can do by name, and those left out, with why."""
    loaded = load_tasks(task_manager(tasks, include_path=include_path), tasks)["tasks"]
    if likelihoods:
        return loaded, {}
    able = {n: task for n, task in loaded.items() if task.OUTPUT_TYPE == "generate_until"}
    forms = {name: _metadata(loaded[name]).get("generative") for name in loaded.keys() - able}
    wanted = sorted({str(form) for form in forms.values() if form})
    if wanted:
        manager = task_manager(wanted, include_path=include_path)
        able |= load_tasks(manager, wanted)["tasks"]
    return able, {name: NO_LIKELIHOODS for name, form in forms.items() if not form}


def _too_long(lm: Any, task: Any) -> str:
    """Say why a task's replies do not fit the student's context; "" if they do.

    lm-eval makes room for the longest reply by cutting the prompt, and fails where none is left.
    """
    if task.OUTPUT_TYPE != "generate_until" or getattr(lm, "backend", "") != "causal":
        return ""
    length = (task.get_config("generation_kwargs") or {}).get("max_gen_toks", lm.max_gen_toks)
    if length < lm.max_length:
        return ""
    return f"writes {length} tokens, which the student's context of {lm.max_length} does not hold"


def _none_left(left_out: Mapping[str, str]) -> ConfigError:
    names = {why: [n for n, other in left_out.items() if other == why] for why in left_out.values()}
    each = "; ".join(f"{some(sorted(found))}: each {why}" for why, found in names.items())
    advice = "name tasks that generate, or evaluate with model type local-completions"
    return ConfigError(
        f"no task is left: {each}; {advice if NO_LIKELIHOODS in names else 'name other tasks'}"
    )


def _left_out(name: str, language: str, why: str) -> Measurement:
    params = (("note", why),)
    return Measurement(name=name, language=language, value=None, stderr=None, n=0, params=params)


def check_shots(manager: Any, tasks: Sequence[str], num_fewshot: int) -> None:
    """Check that tasks have so many few-shot examples, before hours are spent.

    Raises:
        ConfigError: If one has fewer, or cannot be built.
    """
    for name, task in load_tasks(manager, tasks)["tasks"].items():
        _set_shots(name, task, num_fewshot)


def _set_shots(name: str, task: Any, num_fewshot: int | None) -> None:
    """Set the number of examples by the rule of lm-eval's ``simple_evaluate``.

    Raises:
        ConfigError: If there are fewer to draw from.
    """
    own = task.get_config("num_fewshot")
    shots = num_fewshot if num_fewshot is not None and own != 0 else own or 0
    task.set_config("num_fewshot", shots)
    sampler = getattr(task, "sampler", None)
    if not shots or sampler is None:
        return
    # drawn from what is asked, one more is needed: a question is no example of itself
    same = task.fewshot_cfg.split == task.get_config("test_split")
    there = len(sampler.fewshot_docs()) - same
    if there < shots:
        raise ConfigError(
            f"task {name}: {shots} few-shot examples are asked for, but there are "
            f"{max(there, 0)}; give --num_fewshot {max(there, 0)} or less"
        )


def _take_aggregation(task: Any) -> Any:
    """Return the task's ``aggregation``; in its place comes one that does nothing.

    We aggregate by ourselves: in lm-eval a metric that fails at the end loses the whole run.
    """
    own = task.aggregation
    task.aggregation = lambda: defaultdict(lambda: lambda items: 0.0)
    return own


def _calls(loaded: dict[str, Any]) -> dict[tuple[bool, int, bool], dict[str, Any]]:
    """Return the tasks by what lm-eval has for all tasks of a call: chat template, limit, cache.

    The tasks' metadata say ``apply_chat_template``, ``documents_per_item`` where an item is asked
    in several ways, and ``empty_context`` where whole sentences are compared.
    """
    calls: dict[tuple[bool, int, bool], dict[str, Any]] = {}
    for name, task in loaded.items():
        said = _metadata(task)
        call = (
            bool(said.get("apply_chat_template")),
            int(said.get("documents_per_item", 1)),
            # the logits cache of lm-eval 0.4.13 takes a sentence for the same one after a context
            bool(said.get("empty_context")),
        )
        calls.setdefault(call, {})[name] = task
    return dict(sorted(calls.items()))


def _metadata(task: Any) -> dict[str, Any]:
    return task.get_config("metadata") or {}
